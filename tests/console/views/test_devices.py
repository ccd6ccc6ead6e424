def test_devices_that_need_a_look_come_first(site):
    html = site.get("ines", "/devices").text
    assert html.index("laptop D-5") < html.index("desktop D-1") < html.index("laptop D-2")


def test_a_device_tells_its_health_and_its_hours(site, words_of):
    said = words_of(site.get("ines", site.device("desktop D-1")))
    assert "It works at reduced strength" in said
    assert "text is read more slowly" in said
    assert "The notice was accepted." in said
    assert "From the device's signed journal alone." in said


def test_a_silent_device_says_that_silence_proves_nothing(site, words_of):
    assert "Not observed says nothing either way" in words_of(site.get("ines", site.device("laptop D-5")))


def test_another_units_device_does_not_exist(site):
    assert site.get("tom", site.device("laptop D-2")).status_code == 404


def test_an_empty_list_teaches(site, words_of):
    assert "make an enrolment token" in words_of(site.get("tom", "/devices"))


def test_a_supervisor_takes_a_device_out_with_a_reason(site, words_of):
    path = site.device("laptop D-5")
    assert "Take this device out" not in words_of(site.get("ines", path))
    assert site.post("ines", f"{path}/remove", {"reason": "Sold, and handed over."}).status_code == 403
    assert site.post("ruth", f"{path}/remove", {"reason": "x"}).status_code == 422
    assert "Take this device out" in words_of(site.get("ruth", path))
    site.post("ruth", f"{path}/remove", {"reason": "Sold, and handed over."})
    assert "laptop D-5" not in site.get("ines", "/devices").text
