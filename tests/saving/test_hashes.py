from selfvid.saving.hashes import short_hash


def test_texts_and_their_order_count() -> None:
    assert short_hash(["a", "b"]) == short_hash(iter(["a", "b"]))
    assert len({short_hash(each) for each in (["a", "b"], ["b", "a"], ["ab"], ["a"], [])}) == 5
    assert len(short_hash(["a"])) == 16
