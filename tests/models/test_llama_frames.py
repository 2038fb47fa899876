from hypothesis import given
from hypothesis import strategies as st

from antiphon.core.items import Logprob, TopLogprob
from antiphon.models import llama_frames as f

texts = st.text(max_size=20)
frames = st.one_of(
    st.builds(f.Loading, texts),
    st.builds(f.Broken, texts),
    st.builds(f.Prepared, st.integers(0, 9), st.lists(st.integers(0, 1 << 20)), st.integers(0, 9)),
    st.builds(f.Prepared, st.just(1), st.just([5]), st.just(0), after=st.lists(st.integers(0, 9))),
    st.builds(f.ThoughtPiece, st.integers(0, 9), texts),
    st.builds(
        f.Piece,
        st.integers(0, 9),
        texts,
        st.none() | st.just([Logprob("é", -0.5, [195, 169], [TopLogprob("", -1.5, [195])])]),
    ),
    st.builds(f.Done, id=st.just(1), cut=st.booleans(), prompt=st.just(2), cached=st.just(1), output=st.just(3)),
    st.builds(f.Failed, st.integers(0, 9), st.just(400), texts),
)


@given(st.lists(frames), st.data())
def test_frames_come_whole_and_in_order_however_the_pipe_cuts_them(sent: list[f.ToParent], data: st.DataObject) -> None:
    stream = b"".join(map(f.framed, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = f.Frames()
    heard: list[f.ToParent] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        heard += reader.feed(stream[start:end], f.to_parent)
    assert heard == sent
