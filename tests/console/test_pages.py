from datetime import UTC, datetime

from tocsin.console import pages


def test_static_files_carry_their_version_and_may_be_kept_for_good(site):
    address = f"/static/{pages.static_version()}/js/app.js"
    answer = site.get("", address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert site.get("", "/static/old/js/app.js").headers["cache-control"] == "no-cache"


def test_only_files_that_are_there_have_a_path(site):
    for path in ("nothing.js", "../__init__.py", "..%2f__init__.py", "/etc/passwd"):
        assert site.get("", f"/static/{pages.static_version()}/{path}").status_code != 200


def test_nothing_in_a_page_runs_inline_or_comes_from_elsewhere(site):
    paths = ["/alerts", site.alert("top"), "/subjects", "/devices", site.device("laptop D-2"), "/orders"]
    for path in [*paths, site.order("laptop D-2"), "/key", "/quality", "/account"]:
        html = site.get("ines", path).text
        assert "<style" not in html
        assert ' style="' not in html
        assert " onclick" not in html
        assert "javascript:" not in html
        assert 'src="http' not in html
        assert 'href="http' not in html
        assert html.count("<script") == html.count("<script src=")


def test_a_time_stands_in_utc_for_people_without_scripts():
    html = str(pages.when(datetime(2026, 11, 22, 17, 32, 8, tzinfo=UTC), "clock"))
    assert 'datetime="2026-11-22T17:32:08.000Z"' in html
    assert "17:32:08 UTC" in html
    assert "never" in str(pages.when(None))


def test_pages_are_not_kept_by_browsers(site):
    assert site.get("ines", "/alerts").headers["cache-control"] == "no-store"


def test_vendored_libraries_are_those_that_the_readme_names():
    import hashlib

    readme = (pages.STATIC / "vendor" / "README.md").read_text()
    for name in ("age.js", "htmx.min.js"):
        digest = hashlib.sha256((pages.STATIC / "vendor" / name).read_bytes()).hexdigest()
        assert digest in readme
