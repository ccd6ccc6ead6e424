"""Pages that show photographs as real sites and programs do, in five layouts; what was shown where is told back."""

import html
import http.server
import json
import queue
import random
import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "photos"
SIZES = (128, 160, 220, 320, 480, 640)
LAYOUTS = ("article", "thumbnails", "chat", "viewer", "video window", "video full screen")
TALE = (
    "the ferry left at noon and the harbour lay quiet under a pale sky while gulls turned above the boats and "
    "somebody sang on the quay about a summer that would not end and a bicycle that was never found again"
)
WORDS = tuple(TALE.split())
GROUNDS = {False: ("#ffffff", "#fafafa", "#f0f2f5"), True: ("#121212", "#1e1f22", "#0b141a")}

PAGE = """<!doctype html><meta charset=utf-8><title>Pictures</title><style>
*{box-sizing:border-box}body{margin:0;overflow:hidden;height:100vh}img,video{display:block}</style>
<body></body><script>
const told=(path,body)=>fetch(path,{method:'POST',body:JSON.stringify(body)});
async function step(){
 const scene=await (await fetch('/next')).json(); if(scene.end){document.title='Done';return}
 document.title='Pictures, page '+scene.id; document.body.style.cssText=scene.style; document.body.innerHTML=scene.html;
 const all=[...document.querySelectorAll('img[data-name]')];
 await Promise.all(all.map(i=>i.decode().catch(()=>0)));
 const film=document.querySelector('video');
 if(film){await film.play(); await new Promise(r=>film.onended=r);
  await told('/shown',{id:scene.id,items:[]}); return step()}
 await new Promise(r=>requestAnimationFrame(()=>requestAnimationFrame(r)));
 const dx=screenX+(outerWidth-innerWidth), dy=screenY+(outerHeight-innerHeight);
 const items=all.map(i=>{const b=i.getBoundingClientRect();
  const whole=b.x>=0&&b.y>=0&&b.right<=innerWidth&&b.bottom<=innerHeight;
  return {name:i.dataset.name,x:b.x+dx,y:b.y+dy,w:b.width,h:b.height,whole}});
 await told('/shown',{id:scene.id,items}); setTimeout(step,scene.hold)}
step()</script>"""


@dataclass
class Scene:
    """One page: its photographs, and how they are shown."""

    id: int
    layout: str
    size: int
    dark: bool
    names: list[str]
    style: str = ""
    html: str = ""
    film: bytes = b""
    items: list[dict[str, Any]] = field(default_factory=list)


def photos(folder: Path = PHOTOS) -> dict[str, Image.Image]:
    """Return the photographs by name, as they decode."""
    return {path.name: Image.open(path).convert("RGB") for path in sorted(folder.iterdir())}


def scene(number: int, layout: str, size: int, dark: bool, pictures: dict[str, Image.Image], seed: int = 1) -> Scene:
    """Make one page; ``size`` is the longer side of its pictures in pixels, 0 for as large as fits."""
    dice = random.Random(f"{seed} {number} {layout}")
    ground, ink = dice.choice(GROUNDS[dark]), "#e8e8e8" if dark else "#222"
    count = {
        "article": 1 if size > 320 else 2,
        "thumbnails": min(20, max(2, 800_000 // (size * size + 1) // 2)),
        "chat": 1,
    }
    names = dice.sample(sorted(pictures), count.get(layout, 1))
    made = Scene(number, layout, size, dark, names, f"background:{ground};color:{ink};font:16px/1.4 sans-serif")
    maker = {"article": _article, "thumbnails": _thumbnails, "chat": _chat, "viewer": _viewer}.get(layout)
    if maker is not None:
        made.html = maker(made, pictures, dice)
    else:
        made.film = film([pictures[name] for name in names], dice)
        full = layout == "video full screen"
        box = (
            "width:100vw;height:100vh" if full else f"width:{dice.randint(480, 900)}px;margin:{dice.randint(20, 90)}px"
        )
        bar = "" if full else f"<p style='margin:0 90px'>{_text(dice, 60)}</p>"
        if full:
            made.style, box = "background:#000", "width:100vw;height:100vh"
        controls = "controls" if dice.random() < 0.5 else ""
        made.html = f"<video muted {controls} src='/film/{number}' style='{box};background:#000'></video>{bar}"
    return made


def _img(name: str, pictures: dict[str, Image.Image], size: int, style: str = "", height: int = 0) -> str:
    wide, high = pictures[name].size
    scale = height / high if height else size / max(wide, high)
    w, h = max(1, round(wide * scale)), max(1, round(high * scale))
    return f"<img data-name='{name}' src='/photo/{name}' width={w} height={h} style='{style}'>"


def _text(dice: random.Random, count: int) -> str:
    return html.escape(" ".join(dice.choice(WORDS) for _ in range(count)))


def _article(made: Scene, pictures: dict[str, Image.Image], dice: random.Random) -> str:
    out = f"<div style='width:{max(640, made.size + 40)}px;margin:{dice.randint(0, 30)}px {dice.randint(5, 120)}px'>"
    out += f"<h2>{_text(dice, 6)}</h2><p>{_text(dice, dice.randint(5, 40))}</p>"
    for name in made.names:
        floats = made.size <= 320 and dice.random() < 0.5
        style = f"float:{dice.choice(('left', 'right'))};margin:6px 14px" if floats else "margin:8px 0"
        style += dice.choice(("", ";border:1px solid #888", ";border-radius:8px", ";box-shadow:0 2px 8px #0008"))
        out += _img(name, pictures, made.size, style)
        out += f"<p>{_text(dice, 55)}</p>" if floats else f"<small>{_text(dice, 7)}</small><p>{_text(dice, 18)}</p>"
    return out + "</div>"


def _thumbnails(made: Scene, pictures: dict[str, Image.Image], dice: random.Random) -> str:
    gap, radius, high = dice.choice((1, 2, 4, 8, 12)), dice.choice((0, 0, 4, 8, 12)), round(made.size * 0.75)
    out = f"<div style='display:flex;flex-wrap:wrap;gap:{gap}px;padding:{dice.randint(0, 40)}px'>"
    for name in made.names:
        label = f"<span style='font-size:12px'>{_text(dice, 2)}</span>" if gap >= 8 else ""
        out += f"<div>{_img(name, pictures, made.size, f'border-radius:{radius}px', height=high)}{label}</div>"
    return out + "</div>"


def _chat(made: Scene, pictures: dict[str, Image.Image], dice: random.Random) -> str:
    colours = (
        (("#005c4b", "#e9edef"), ("#202c33", "#e9edef")) if made.dark else (("#0b5cff", "#fff"), ("#e9e9eb", "#111"))
    )
    out = (
        "<div style='height:100vh;width:100%;display:flex;flex-direction:column;justify-content:flex-end;padding:12px'>"
    )

    def bubble(inside: str, padding: str) -> str:
        mine = dice.random() < 0.5
        ground, ink = colours[0 if mine else 1]
        side = "flex-end" if mine else "flex-start"
        look = (
            f"background:{ground};color:{ink};padding:{padding};border-radius:{dice.choice((8, 12, 16))}px;margin:4px"
        )
        return f"<div style='align-self:{side};max-width:90%;{look}'>{inside}</div>"

    for _ in range(3):
        out += bubble(_text(dice, dice.randint(2, 9)), "7px 12px")
    for name in made.names:
        radius, padding = dice.choice((0, 6, 10, 14)), dice.choice((0, 3, 5, 8))
        picture = _img(name, pictures, made.size, f"border-radius:{radius}px")
        if dice.random() < 0.4:
            stamp = "position:absolute;right:6px;bottom:4px;font-size:11px;color:#fff;text-shadow:0 0 2px #000"
            picture = (
                f"<div style='position:relative'>{picture}<span style='{stamp}'>14:0{dice.randint(0, 9)}</span></div>"
            )
        elif dice.random() < 0.5:
            picture += f"<div style='padding:4px;width:{made.size // 2}px'>{_text(dice, 4)}</div>"
        out += bubble(picture, f"{padding}px")
    for _ in range(dice.randint(0, 2)):
        out += bubble(_text(dice, dice.randint(2, 9)), "7px 12px")
    return out + "</div>"


def _viewer(made: Scene, pictures: dict[str, Image.Image], dice: random.Random) -> str:
    made.style = (
        f"background:{dice.choice(('#000', '#1e1e1e', '#202124') if made.dark else ('#fff', '#eee', '#808080'))}"
    )
    ink = "#ddd" if made.dark else "#333"
    bar = f"<div style='height:48px;padding:14px;color:{ink};font:15px sans-serif'>{_text(dice, 3)}.jpg</div>"
    name = made.names[0]
    wide, high = pictures[name].size
    fit = (
        f"width:{made.size}px"
        if made.size and wide >= high
        else f"height:{made.size}px"
        if made.size
        else ("width:100%;height:auto" if wide / high > 1.47 else "height:calc(100vh - 60px);width:auto")
    )
    picture = f"<img data-name='{name}' src='/photo/{name}' style='max-width:100%;max-height:100%;{fit}'>"
    stage = "height:calc(100vh - 60px);display:flex;align-items:center;justify-content:center"
    arrow = f"<div style='position:absolute;left:10px;top:50%;color:{ink};font:40px sans-serif'>‹</div>"
    return f"{bar}<div style='{stage}'>{picture}</div>{arrow if dice.random() < 0.5 else ''}"


def film(pictures: list[Image.Image], dice: random.Random, wide: int = 1280, high: int = 720) -> bytes:
    """Return an MP4 file: a second of something that moves, each picture for two seconds, and a second more of it."""
    import av

    out = BytesIO()
    with av.open(out, "w", format="mp4") as box:
        stream = box.add_stream("libx264", rate=Fraction(25), options={"crf": "23", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = wide, high, "yuv420p"
        noise = np.random.default_rng(dice.randrange(2**32))
        other = Image.fromarray(noise.integers(0, 255, (9, 16, 3), dtype=np.uint8)).resize((wide + 200, high), 3)

        def put(frame: Image.Image) -> None:
            for packet in stream.encode(av.VideoFrame.from_image(frame)):
                box.mux(packet)

        def moving(count: int) -> None:
            for step in range(count):
                put(other.crop((4 * step, 0, wide + 4 * step, high)))

        moving(40)
        for picture in pictures:
            scale = min(wide / picture.width, high / picture.height)
            fitted = picture.resize((round(picture.width * scale), round(picture.height * scale)), 3)
            frame = Image.new("RGB", (wide, high))
            frame.paste(fitted, ((wide - fitted.width) // 2, (high - fitted.height) // 2))
            for step in range(50):
                put(Image.eval(frame, lambda v, s=step: min(255, v + s % 3)))
        moving(25)
        for packet in stream.encode():
            box.mux(packet)
    return out.getvalue()


class Pages:
    """A web server on loopback that hands a browser one scene after another. Close it when done."""

    def __init__(self, hold_ms: int = 2000) -> None:
        """Serve on a free port; each scene stands for ``hold_ms``."""
        self.hold_ms = hold_ms
        self.scenes: queue.Queue[Scene | None] = queue.Queue()
        self.shown: queue.Queue[tuple[float, Scene]] = queue.Queue()
        self._by_id: dict[int, Scene] = {}
        handler = type("Handler", (_Handler,), {"pages": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[str, bytes]:
        """Return what a GET gives."""
        if path == "/next":
            made = self.scenes.get()
            if made is None:
                return "application/json", b'{"end":true}'
            self._by_id[made.id] = made
            body = {"id": made.id, "html": made.html, "style": made.style, "hold": self.hold_ms}
            return "application/json", json.dumps(body).encode()
        if path.startswith("/photo/"):
            return "image/jpeg", (PHOTOS / Path(path).name).read_bytes()
        if path.startswith("/film/"):
            return "video/mp4", self._by_id[int(Path(path).name)].film
        return "text/html; charset=utf-8", PAGE.encode()

    def told(self, body: dict[str, Any]) -> None:
        """Take what the page says it shows."""
        made = self._by_id[int(body["id"])]
        made.items = body["items"]
        self.shown.put((time.monotonic(), made))


class _Handler(http.server.BaseHTTPRequestHandler):
    pages: Pages

    def do_GET(self) -> None:
        kind, body = self.pages.answer(self.path)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.pages.told(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return
