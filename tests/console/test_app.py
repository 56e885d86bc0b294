from __future__ import annotations


def test_a_page_has_the_frame(console):
    page = console.get("/").get_data(as_text=True)
    assert "<title>Overview · huntbridge</title>" in page
    assert 'aria-current="page">Overview' in page
    assert "Mara Lindqvist" in page
    assert "huntbridge 1.4.0" in page
