"""Words hashed into buckets, against a loop over Python's integers."""

from hypothesis import given, strategies as st

from ncf_keras.data.word_hash import LONGEST_WORD, multipliers, word_buckets

MASK = (1 << 64) - 1


def splitmix64(seed, count):
    """Return the first numbers of the generator, as its authors wrote it."""
    numbers, state = [], seed
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        mixed = state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        numbers.append(mixed ^ (mixed >> 31))
    return numbers


def bucket_of(word, buckets):
    places = zip(word.encode()[:64], splitmix64(0, 64), strict=False)
    return ((sum((byte + 1) * (number | 1) for byte, number in places) & MASK) >> 40) % buckets


def test_the_multipliers_are_the_generator_s_made_odd():
    # The published first outputs of seed 0.
    assert splitmix64(0, 2) == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
    found = [int(number) & MASK for number in multipliers()]
    assert found == [number | 1 for number in splitmix64(0, LONGEST_WORD)]


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)), st.integers(1, 5000)
)
def test_buckets_are_those_of_the_slow_loop(words, buckets):
    found = word_buckets(words, buckets)
    assert found.dtype == "int32" and found.tolist() == [bucket_of(word, buckets) for word in words]


def test_words_are_cut_and_spread():
    assert len({*word_buckets(["é" * 32, "é" * 32 + "x", "é" * 40], 1 << 20).tolist()}) == 1
    # Of 1,000 balls thrown into 1,024 buckets about 638 are hit, with a standard deviation of 10.
    hit = len({*word_buckets([f"word{number}" for number in range(1000)], 1024).tolist()})
    assert 588 < hit < 688
