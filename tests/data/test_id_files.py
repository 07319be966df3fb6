import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data.id_files import read_ids, write_ids

IDS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
    min_size=1,
    max_size=20,
)


@given(IDS, st.booleans())
def test_what_is_written_is_read_back(tmp_path_factory, ids, titled):
    file = tmp_path_factory.mktemp("ids") / "d.items.csv"
    titles = ids[::-1] if titled else None
    write_ids(file, "item_id", ids, titles)
    assert read_ids(file, "item_id", len(ids)) == (ids, titles)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 must be index,user_id or index,user_id,title. Received: ''"),
        ("index,item_id\n0,a\n1,b\n", "line 1 must be index,user_id"),
        ("index,user_id\n0,a\n1\n", "line 3 must have 2 columns. Received: 1"),
        ("index,user_id\n0,a\n2,b\n", "line 3 must have the index 1. Received: '2'"),
        ('index,user_id\n0,"a\nb"\nx,b\n', "line 4 must have the index 1. Received: 'x'"),
        ("index,user_id\n0,a\n", "a line for each of the 2 indices of the dataset. Received: 1"),
        ("index,user_id\n0,a\n1,b\n2,c\n", "line 4 must not be there: the dataset has 2 indices. Received: 2"),
        (b"index,user_id\n0,\xff\n", "must be a CSV file in UTF-8"),
    ],
)
def test_what_does_not_fit_is_named_by_line(tmp_path, text, message):
    file = tmp_path / "d.users.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError, match=message) as caught:
        read_ids(file, "user_id", 2)
    assert str(file) in str(caught.value)
