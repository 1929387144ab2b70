"""What a browser gets at `/`."""

from corehr.spec import loader
from tests.world import World


def test_the_page_has_the_addresses_and_a_first_call(world):
    response = world.request("GET", "/")
    page = response.body.decode()
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    for path in ("/openapi.json", "/sandbox/world", "/readyz", loader.load().operations["v1.job_change.create"].path):
        assert path in page
    assert "cli_a000000000000001" in page
    assert "curl" in page


def test_every_address_on_the_page_answers(world):
    page = world.request("GET", "/").body.decode()
    paths = {part.split('"')[0] for part in page.split('href="')[1:]}
    assert len(paths) >= 6
    for path in paths:
        assert world.request("GET", path).status == 200, path


def test_without_the_sandbox_the_page_names_no_credentials(db):
    world = World(db, sandbox=False)
    try:
        page = world.request("GET", "/").body.decode()
        assert "demo-secret" not in page
        assert "/sandbox" not in page
    finally:
        world.close()


def test_an_unknown_path_stays_as_it_is(world):
    assert world.request("GET", "/unknown").body == b"404 page not found"
