"""The tour in README.md, from its first block to the page in the browser."""

import json
import re

from javascript import Browser, Site
from surroundings import PROJECT, SETTINGS
from tour import WRITTEN, blocks, take

README = PROJECT / "README.md"


def test_the_tour_works_as_it_is_written(own_server, tmp_path):
    document = README.read_text()
    server = own_server(command="dev")
    alices = []
    # The second time, in a shell that has settings of its own.
    for variables in ({}, SETTINGS):
        printed = take(document, server, **variables)
        assert len(printed) == len(blocks(document)) >= 7
        everything = "".join(printed)
        for role in ("DemoGuest", "DemoAdmin"):
            assert f":assumed-role/{role}/CognitoIdentityCredentials" in everything
        assert '"IdentityPoolName": "Demo"' in everything
        [alice] = [json.loads(block)["IdentityId"] for block in printed if block.startswith('{\n    "IdentityId"') and
                   "Credentials" not in block]
        alices.append(alice)
    assert alices[0] == alices[1]
    # Its last block has written a page, which is served and opened as the text after it says.
    site, browser = Site(server.folder), Browser(tmp_path / "browser")
    try:
        text = browser.read(site.url)
    finally:
        site.stop()
        browser.stop()
    assert re.fullmatch(r"us-east-1:[0-9a-f-]{36} has ASIA[A-Z0-9]{16}", text)


def test_the_tour_names_the_address_that_cognate_serves_on():
    assert f"http://{WRITTEN}" in README.read_text()
