"""The remote image engine with providers that behave in every odd way."""

from __future__ import annotations

import io
import logging
import traceback
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from image_server import asked, b64, encoded, sends
from PIL import Image as Pillow
from recording_desk import RecordingDesk
from scripted_provider import DROP, HANG, Answer, Call, ScriptedProvider, Step, fails

from vidsum.backends.retrying import Retrying
from vidsum.backends.served import PICTURES_BYTES
from vidsum.broll.engines import remote
from vidsum.broll.engines.protocol import (
    Capabilities,
    ImageEngine,
    ImageRequest,
    MadeImage,
    Unanswered,
)
from vidsum.broll.engines.remote import RemoteEngine, without_echo
from vidsum.config import Options
from vidsum.data import Image
from vidsum.errors import (
    BackendFailed,
    BackendMissing,
    OptionError,
    RequestFailed,
    VidsumError,
)

QUICK = Retrying(base_s=0.001, cap_s=0.002)
KEY = "sk-proj-0123456789abcdefXYZ"
PROMPT = "A lighthouse in the fog at dawn, painted in muted blue and amber"


def flat(*colour: int, width: int = 64, height: int = 48) -> Image:
    return np.full((height, width, 3), colour, np.uint8)


RED, BLUE = flat(200, 40, 30), flat(30, 40, 200)


def request(**more: Any) -> ImageRequest:
    given: dict[str, Any] = {"width_px": 64, "height_px": 64, "seed": 7}
    return ImageRequest(PROMPT, **(given | more))


class Sitting:
    """A scripted provider, and an engine that asks it."""

    def __init__(self, *script: Step, **more: Any) -> None:
        self.provider, self.desk = ScriptedProvider(*script), RecordingDesk()
        named: dict[str, Any] = {"image_model": "painter", "image_api": self.provider.url,
                                 "image_timeout_s": 20.0}  # fmt: skip
        self.engine = RemoteEngine(Options(**(named | more)), QUICK)
        self.engine.tally.bind(self.desk)

    def __enter__(self) -> Sitting:
        self.provider.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.engine.close()
        self.provider.__exit__(*error)

    def make(self, **more: Any) -> tuple[MadeImage, ...]:
        return self.engine.generate(request(**more))

    def fails_with(self, kind: type[VidsumError], **more: Any) -> VidsumError:
        with pytest.raises(VidsumError) as caught:
            self.make(**more)
        assert type(caught.value) is kind
        assert "\n" not in caught.value.message
        return caught.value

    @property
    def fields(self) -> list[dict[str, Any]]:
        return [asked(call).fields for call in self.provider.calls]


# What is asked


def test_what_a_new_picture_is_asked_with() -> None:
    with Sitting(sends(RED)) as sitting:
        (made,) = sitting.make()
        assert sitting.provider.calls[0].path == "/v1/images/generations"
        assert sitting.fields == [{
            "model": "painter", "prompt": PROMPT, "size": "64x64", "n": 1, "seed": 7,
            "response_format": "b64_json",
        }]  # fmt: skip
        assert np.array_equal(made.image, RED)
        assert (made.seed, made.steps, made.cu) == (7, None, None)
        assert made.wall_s > 0


def test_references_go_to_edits_in_their_order_and_colours() -> None:
    large = np.random.default_rng(5).integers(0, 256, (1200, 1600, 3), np.uint8)
    with Sitting(sends(RED)) as sitting:
        sitting.make(references=(RED, BLUE, large))
        call = sitting.provider.calls[0]
        assert call.path == "/v1/images/edits"
        form = asked(call)
        assert form.names == ["image[]"] * 3
        assert np.array_equal(form.pictures[0], RED)
        assert np.array_equal(form.pictures[1], BLUE)
        assert form.pictures[2].shape == (768, 1024, 3)
        assert form.fields == {
            "model": "painter", "prompt": PROMPT, "size": "64x64", "n": "1", "seed": "7",
            "response_format": "b64_json",
        }  # fmt: skip


def test_a_gpt_image_model_is_asked_for_medium_quality_and_no_seed() -> None:
    with Sitting(sends(RED), image_model="gpt-image-2") as sitting:
        (made,) = sitting.make(width_px=1536, height_px=864)
        assert sitting.fields == [{
            "model": "gpt-image-2", "prompt": PROMPT, "size": "1536x864", "n": 1,
            "quality": "medium",
        }]  # fmt: skip
        assert made.seed is None


def test_stable_diffusion_cpp_reads_seed_and_steps_out_of_the_prompt() -> None:
    with Sitting(sends(RED), image_model="sd-cpp-local") as sitting:
        (made,) = sitting.make(steps=4)
        assert sitting.fields[0]["prompt"] == PROMPT + (
            '<sd_cpp_extra_args>{"seed": 7, "sample_params": {"sample_steps": 4}}'
            "</sd_cpp_extra_args>"
        )
        assert "seed" not in sitting.fields[0]
        assert (made.seed, made.steps) == (7, 4)


def test_no_prompt_can_set_that_servers_parameters() -> None:
    sly = ImageRequest('Fog<sd_cpp_extra_args>{"lora": 1}</sd_cpp_extra_args>', 64, 64, seed=3)
    for model in ("sd-cpp-local", "flux"):
        with Sitting(sends(RED), image_model=model) as sitting:
            sitting.engine.generate(sly)
            prompt = sitting.fields[0]["prompt"]
            assert prompt.count("<sd_cpp_extra_args>") == (model == "sd-cpp-local")
            assert '<sd cpp extra args>{"lora": 1}' in prompt


# What is refused here, before anything is sent


@pytest.mark.parametrize(("model", "more", "said"), [
    ("dall-e-3", {"width_px": 1024, "height_px": 1024, "references": (RED,)}, "no references"),
    ("dall-e-3", {"width_px": 1024, "height_px": 1024, "count": 2}, "makes 1 pictures at once"),
    ("dall-e-3", {"width_px": 1536, "height_px": 1024}, "no pictures of 1536x1024"),
    ("gpt-image-1.5", {"width_px": 1024, "height_px": 512}, "no pictures of 1024x512"),
    ("gpt-image-2", {"width_px": 512, "height_px": 512}, "no pictures of 512x512"),
    ("gpt-image-2", {"width_px": 2048, "height_px": 512}, "no pictures of 2048x512"),
    ("gpt-image-2", {"width_px": 1024, "height_px": 1024, "steps": 9}, "steps .* be chosen"),
    ("painter", {"width_px": 100, "height_px": 64}, "no pictures of 100x64"),
    ("painter", {"references": (RED,) * 5}, "4 references at most, not 5"),
])  # fmt: skip
def test_what_a_model_cannot_do_is_an_error(model: str, more: dict[str, Any], said: str) -> None:
    with Sitting(sends(RED), image_model=model) as sitting:
        with pytest.raises(OptionError, match=said) as caught:
            sitting.make(**more)
        assert ("--ref none" in caught.value.hint) == ("references" in more)
        assert sitting.provider.calls == []
        assert sitting.desk.phases == []


def test_a_server_without_edits_says_so_and_it_is_remembered() -> None:
    with Sitting(Answer(404, {"detail": "Not Found"}), sends(RED)) as sitting:
        for _ in range(2):
            error = sitting.fails_with(OptionError, references=(RED,))
            assert "painter at 127.0.0.1" in error.message
            assert "takes no references" in error.message
            assert "--ref none" in error.hint
        assert len(sitting.provider.calls) == 1
        assert sitting.desk.phases == ["release"]
        assert sitting.engine.capabilities.most_references == 0
        assert len(sitting.make()) == 1


# What is known of models


@pytest.mark.parametrize(("model", "references", "seed", "most", "steps", "sizes"), [
    ("gpt-image-1", 16, False, 10, False, 3),
    ("gpt-image-1-mini", 16, False, 10, False, 3),
    ("gpt-image-1.5-2025-12-16", 16, False, 10, False, 3),
    ("chatgpt-image-latest", 16, False, 10, False, 3),
    ("openai/gpt-image-2.5-flare", 16, False, 4, False, 0),
    ("dall-e-3", 0, False, 1, False, 3),
    ("dall-e-2", 0, False, 10, False, 3),
    ("sd-cpp-local", 4, True, 4, True, 0),
    ("black-forest-labs/FLUX.2-klein-4B", 4, True, 4, False, 0),
])  # fmt: skip
def test_capabilities_by_name(
    model: str, references: int, seed: bool, most: int, steps: bool, sizes: int
) -> None:
    can: Capabilities = remote.build(Options(image_model=model)).capabilities
    assert (can.most_references, can.seed, can.most_images, can.steps) == (
        references, seed, most, steps,
    )  # fmt: skip
    assert len(can.sizes) == sizes
    assert can.usage == ("gpt-image" in model)


@pytest.mark.parametrize("options", [Options(), Options(image_api="http://127.0.0.1:9/v1")])
def test_no_model_was_named(options: Options) -> None:
    engine: ImageEngine = remote.build(options)
    asks: list[Callable[[], object]] = [
        lambda: engine.model, lambda: engine.identity, lambda: engine.capabilities,
        lambda: engine.generate(request()),
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(BackendMissing, match=r"No model at .* was named") as caught:
            ask()
        assert "--image-model" in caught.value.hint
    found = remote.ready(options)
    assert not found.ready
    assert "--image-model" in found.hint


def test_whether_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "VIDSUM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    there = remote.ready(Options(image_api="http://127.0.0.1:9/v1", image_model="painter"))
    assert (there.ready, there.what) == (True, "painter at 127.0.0.1:9")
    locked = Options(image_model="gpt-image-2")
    assert not remote.ready(locked).ready
    with pytest.raises(BackendMissing, match="no API key for openai"):
        remote.build(locked).generate(request(width_px=1024, height_px=1024))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert remote.ready(locked).ready


def test_the_identity_is_address_and_model_and_holds_no_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)
    names = {
        remote.build(Options(image_api=url, image_model=model)).identity
        for url in ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v2", "http://127.0.0.1:8/v1")
        for model in ("a", "b")
    }
    assert "127.0.0.1:9/v1 a" in names
    assert len(names) == 6


# What comes back


def test_several_pictures_have_seeds_that_count_on() -> None:
    with Sitting(sends(RED, BLUE, RED)) as sitting:
        made = sitting.make(count=3)
        assert [one.seed for one in made] == [7, 8, 9]
        assert np.array_equal(made[1].image, BLUE)
        assert sitting.desk.endings[0].used.images == 3


def test_fewer_than_were_asked_for() -> None:
    with Sitting(sends(RED)) as sitting:
        assert len(sitting.make(count=3)) == 1
        used = sitting.desk.endings[0].used
        assert (used.images, used.pixels) == (1, 64 * 48)
        assert sitting.desk.most[0].images == 3


def test_a_picture_of_another_size_says_its_own() -> None:
    odd = flat(9, 9, 9, width=80, height=40)
    with Sitting(sends(odd)) as sitting:
        (made,) = sitting.make()
        assert made.image.shape == (40, 80, 3)
        assert sitting.desk.endings[0].used.pixels == 3200


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_forms_that_are_read(form: str) -> None:
    plain = b64(encoded(RED, form))
    for text in (plain, f"data:image/{form.lower()};base64,{plain}"):
        with Sitting(sends({"b64_json": text})) as sitting:
            (made,) = sitting.make()
            assert made.image.shape == RED.shape
            assert int(np.abs(made.image.astype(int) - RED).max()) < 6


def grey_and_clear() -> bytes:
    out = io.BytesIO()
    Pillow.new("LA", (64, 48), (90, 128)).save(out, "PNG")
    return out.getvalue()


def test_any_kind_of_pixel_becomes_rgb() -> None:
    with Sitting(sends(grey_and_clear())) as sitting:
        (made,) = sitting.make()
        assert made.image.shape == (48, 64, 3)
        assert made.image.dtype == np.uint8
        assert (made.image == 90).all()


def claiming(side: int) -> bytes:
    """A small PNG whose head says that it is a square of so many pixels."""
    whole = encoded(RED)
    head = whole[12:16] + side.to_bytes(4, "big") * 2 + whole[24:29]
    return whole[:12] + head + zlib.crc32(head).to_bytes(4, "big") + whole[33:]


@pytest.mark.parametrize(("entry", "said"), [
    ({"b64_json": "%%%"}, "no base64"),
    ({"b64_json": "AAAA"}, "cannot be decoded"),
    ({"b64_json": b64(encoded(RED)[:-30])}, "cannot be decoded"),
    ({"b64_json": b64(encoded(RED, "GIF"))}, "cannot be decoded"),
    ({"b64_json": b64(encoded(RED, "TIFF"))}, "cannot be decoded"),
])  # fmt: skip
def test_what_is_no_picture_was_paid_for_all_the_same(entry: dict[str, str], said: str) -> None:
    with Sitting(sends(entry, usage={"input_tokens": 9, "output_tokens": 400})) as sitting:
        error = sitting.fails_with(RequestFailed)
        assert said in error.message
        (ending,) = sitting.desk.endings
        assert (ending.phase, ending.origin) == ("settle", "reported")
        assert (ending.used.output_tokens, ending.used.images) == (400, 1)
        assert ending.used.pixels is None


@pytest.mark.parametrize("side", [6400, 12_000, 16_000])
def test_a_bomb_is_not_unpacked(side: int) -> None:
    """Beyond our limit, beyond what the library warns of, and what it refuses."""
    with Sitting(sends(claiming(side))) as sitting:
        assert "40,000,000 pixels" in sitting.fails_with(RequestFailed).message
    with Sitting(sends(claiming(640))) as sitting:
        assert "cannot be decoded" in sitting.fails_with(RequestFailed).message


def test_a_broken_picture_does_not_spoil_the_others() -> None:
    with Sitting(sends({"b64_json": "AAAA"}, BLUE)) as sitting:
        (made,) = sitting.make(count=2)
        assert np.array_equal(made.image, BLUE)
        assert made.seed == 8
        assert sitting.desk.endings[0].used.images == 2


# Addresses of pictures


def at(path: str, host: str = "") -> Step:
    """Says where a picture is: at the same host unless another is named."""

    def answer(call: Call) -> Answer:
        return sends({"url": f"http://{host or call.headers['host']}{path}", "b64_json": None})

    return answer


def file_with(content: bytes) -> Answer:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"
    return Answer(raw=[head % len(content) + content])


def test_a_picture_at_an_address_of_the_same_host() -> None:
    with Sitting(at("/generated/a.png?sig=1%2F2&x=3"), file_with(encoded(BLUE))) as sitting:
        (made,) = sitting.make()
        assert np.array_equal(made.image, BLUE)
        assert sitting.provider.calls[1].method == "GET"
        assert sitting.provider.calls[1].path == "/generated/a.png?sig=1%2F2&x=3"
        assert sitting.desk.phases == ["settle"]


def test_a_picture_elsewhere_is_not_fetched() -> None:
    with ScriptedProvider(file_with(encoded(BLUE))) as other:
        host = other.url.split("/")[2]
        local = host.replace("127.0.0.1", "localhost")
        for named in (host, local, f"127.0.0.1@{host}"):
            with Sitting(at("/a.png", named)) as sitting:
                error = sitting.fails_with(RequestFailed)
                assert "another host" in error.message
                assert sitting.desk.phases == ["settle"]
        assert other.calls == []


@pytest.mark.parametrize("url", ["/a.png", "file:///etc/passwd", "//evil/a.png", "http://[",
                                 "https://127.0.0.1/a.png", "http://h\\@127.0.0.1/"])  # fmt: skip
def test_what_is_no_address_of_that_host(url: str) -> None:
    with Sitting(sends({"url": url})) as sitting:
        assert "another host" in sitting.fails_with(RequestFailed).message
        assert len(sitting.provider.calls) == 1


def test_a_picture_that_is_gone_or_moved_or_late() -> None:
    gone = fails(404, "expired")
    moved = Answer(302, "", {"Location": "http://elsewhere.example/a.png"})
    with Sitting(at("/a.png"), gone, at("/a.png"), moved) as sitting:
        for _ in range(2):
            assert "could not be fetched" in sitting.fails_with(RequestFailed).message
        assert sitting.desk.phases == ["settle", "settle"]
    with Sitting(at("/a.png"), fails(503), file_with(encoded(RED))) as sitting:
        assert len(sitting.make()) == 1


# Refusals, and what they cost


@pytest.mark.parametrize("refusal", [
    fails(400, "Your request was rejected by the safety system.", "moderation_blocked"),
    fails(400, "Blocked", "content_policy_violation"),
    sends({"revised_prompt": "It was flagged."}),
    sends(message="It was flagged."),
])  # fmt: skip
def test_a_filter_costs_nothing(refusal: Answer) -> None:
    with Sitting(refusal) as sitting:
        error = sitting.fails_with(RequestFailed)
        assert isinstance(error, BackendFailed)
        assert error.kind == "other"
        assert any(word in error.message for word in ("rejected", "Blocked", "flagged"))
        assert sitting.desk.phases == ["release"]
        assert len(sitting.provider.calls) == 1


def test_an_empty_answer_that_says_nothing_may_have_cost_something() -> None:
    with Sitting(sends(), Answer(200, {}), sends(usage={"input_tokens": 5})) as sitting:
        for kind in (Unanswered, Unanswered, RequestFailed):
            assert "sent no picture" in sitting.fails_with(kind).message
        assert sitting.desk.phases == ["fail", "fail", "settle"]


@pytest.mark.parametrize(("status", "said", "kind"), [
    (401, "does not accept|wants an API key", "blocked"), (402, "no credit left", "blocked"),
    (404, "no model called painter", "blocked"),
])  # fmt: skip
def test_what_no_request_will_change(status: int, said: str, kind: str) -> None:
    with Sitting(fails(status, "The model does not exist")) as sitting:
        with pytest.raises(BackendFailed, match=said) as caught:
            sitting.make()
        assert type(caught.value) is BackendFailed
        assert caught.value.kind == kind
        assert sitting.desk.phases == ["release"]


def test_nothing_answers() -> None:
    with Sitting(sends(RED), image_api="http://127.0.0.1:9/v1") as sitting:
        assert "Nothing answers" in sitting.fails_with(BackendFailed).message
        assert sitting.desk.phases == ["release"]


def test_a_server_that_is_busy_is_asked_again() -> None:
    with Sitting(fails(429, "slow down", retry_after="0"), sends(RED)) as sitting:
        assert len(sitting.make()) == 1
        assert sitting.desk.phases == ["settle"]
    with Sitting(fails(503), sends(RED)) as sitting:
        assert len(sitting.make()) == 1
        assert sitting.desk.phases == ["fail", "settle"]  # a 503 may come from behind a gateway
        assert sitting.desk.retries[1] is not None
    with Sitting(fails(429, "You exceeded your current quota", "insufficient_quota")) as sitting:
        assert "no credit left" in sitting.fails_with(BackendFailed).message
        assert len(sitting.provider.calls) == 1


def cut(_: Call) -> Answer:
    """Ends in the middle of a body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n"
    return Answer(raw=[head + b'{"data": [{"b64_json": "iVBORw0KG'])


def for_ever(_: Call) -> Answer:
    def pieces() -> Iterator[bytes]:
        yield b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"data": [{"b64_json": "'
        for _ in range(PICTURES_BYTES // 2**20 + 2):
            yield b"A" * 2**20

    return Answer(raw=pieces())


@pytest.mark.parametrize(("step", "said"), [
    (HANG, "no answer within 0.5 s"), (DROP, "broke the connection"),
    (cut, "broke the connection"), (for_ever, "cannot be read"),
    (fails(500, "out of memory after sampling"), r"failed \(status 500\): out of memory"),
    (fails(502), "status 502"), (fails(504), "status 504"),
    (Answer(200, {"error": {"message": "upstream", "code": 502}}), "status 502"),
    (Answer(200, "<html>"), "cannot be read"),
])  # fmt: skip
def test_what_may_have_been_paid_for_is_not_repeated(step: Step, said: str) -> None:
    timeout_s = 0.5 if step is HANG else 20.0
    with Sitting(step, image_timeout_s=timeout_s, api_timeout_s=0.01) as sitting:
        with pytest.raises(Unanswered, match=said) as caught:
            sitting.make()
        assert "--retry" in caught.value.hint
        assert ("--image-timeout" in caught.value.hint) == (step is HANG)
        assert len(sitting.provider.calls) == 1
        (ending,) = sitting.desk.endings
        assert (ending.phase, ending.origin) == ("fail", "unknown")


def test_after_it_was_closed_nothing_is_asked() -> None:
    with Sitting(sends(RED)) as sitting:
        sitting.make()
        sitting.engine.close()
        sitting.engine.close()
        assert "closed" in sitting.fails_with(BackendFailed).message
        assert len(sitting.provider.calls) == 1


# Parameters that are not taken


def picky(refused: str, message: str) -> Step:
    """Refuses a parameter, and makes as many pictures as it was asked for."""

    def answer(call: Call) -> Answer:
        fields = asked(call).fields
        if refused in fields and (refused != "n" or fields["n"] != 1):
            return fails(400, message, "unknown_parameter")
        return sends(*[RED] * fields.get("n", 1))

    return answer


@pytest.mark.parametrize(("refused", "message"), [
    ("response_format", "Unknown parameter: 'response_format'."),
    ("seed", "Unrecognized request argument supplied: seed"),
])  # fmt: skip
def test_a_parameter_that_is_refused_is_left_out_from_then_on(refused: str, message: str) -> None:
    with Sitting(picky(refused, message)) as sitting:
        sitting.make()
        (second,) = sitting.make()
        assert [refused in fields for fields in sitting.fields] == [True, False, False]
        assert sitting.desk.phases == ["settle", "settle"]
        takes_seeds = refused != "seed"
        assert sitting.engine.capabilities.seed == takes_seeds
        assert second.seed == (7 if takes_seeds else None)


@pytest.mark.parametrize("message", [
    "You must provide n=1 for this model.", "Invalid value for 'n': must be 1",
    '{"loc": ["body", "n"], "msg": "too many"}',
])  # fmt: skip
def test_a_model_that_makes_one_at_a_time(message: str) -> None:
    with Sitting(picky("n", message)) as sitting:
        assert len(sitting.make(count=2)) == 1
        assert sitting.engine.capabilities.most_images == 1
        assert [fields.get("n") for fields in sitting.fields] == [2, None]


def test_what_a_validator_of_pydantic_says() -> None:
    def answer(call: Call) -> Answer:
        if "seed" in asked(call).fields:
            detail = [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]
            return Answer(422, {"detail": detail})
        return sends(RED)

    with Sitting(answer) as sitting:
        assert len(sitting.make()) == 1


def test_a_refusal_that_quotes_the_prompt_is_not_about_a_parameter() -> None:
    sown = "A sower throws seed over quality soil at the n=1 farm, evening light over hills"
    with Sitting(lambda _: fails(400, f"I do not draw this: {sown}")) as sitting:
        with pytest.raises(RequestFailed):
            sitting.engine.generate(ImageRequest(sown, 64, 64, seed=1))
        assert len(sitting.provider.calls) == 1


# The ledger


GPT_USAGE = {
    "input_tokens": 1550, "output_tokens": 1756, "total_tokens": 3306,
    "input_tokens_details": {"text_tokens": 50, "image_tokens": 1500, "cached_tokens": 20},
    "output_tokens_details": {"image_tokens": 1700, "text_tokens": 56},
}  # fmt: skip


def test_what_is_reserved_and_what_was_used() -> None:
    large = flat(1, 2, 3, width=1024, height=1024)
    with Sitting(sends(large, usage=GPT_USAGE, model="gpt-image-2-2026-04-21"),
                 image_model="gpt-image-2") as sitting:  # fmt: skip
        sitting.make(width_px=1024, height_px=1024, references=(RED,))
        (most,), (ending,) = sitting.desk.most, sitting.desk.endings
        used = ending.used
        assert (ending.phase, ending.origin) == ("settle", "reported")
        assert ending.resolved == "gpt-image-2-2026-04-21"
        assert (used.calls, used.images, used.pixels) == (1, 1, 1024 * 1024)
        assert (used.input_tokens, used.output_tokens) == (1550, 1756)
        assert (used.image_tokens, used.cache_read_tokens) == (1500, 20)
        assert used.reasoning_tokens == 56
        assert (most.images, most.pixels) == (1, 1024 * 1024)
        for name in ("input_tokens", "output_tokens", "image_tokens"):
            assert getattr(most, name) > getattr(used, name)


def test_missing_usage_is_unknown_and_never_nothing() -> None:
    for usage in (None, {}, {"input_tokens": 0, "output_tokens": 0}, "12", {"input_tokens": -4}):
        with Sitting(sends(RED, BLUE, usage=usage)) as sitting:
            made = sitting.make(count=2)
            (ending,) = sitting.desk.endings
            assert ending.origin == "measured"  # pictures and pixels are counted here
            assert (ending.used.images, ending.used.pixels) == (2, 2 * 64 * 48)
            assert (ending.used.input_tokens, ending.used.output_tokens) == (None, None)
            assert [(one.cost_usd, one.cost_from) for one in made] == [(None, "unknown")] * 2


def test_what_the_provider_says_that_it_cost_is_shared() -> None:
    with Sitting(sends(RED, BLUE, RED, usage={"cost": 0.1})) as sitting:
        made = sitting.make(count=3)
        assert sitting.desk.endings[0].cost_usd == "0.1"
        assert {one.cost_from for one in made} == {"reported"}
        shares = [Decimal(one.cost_usd or "nan") for one in made]
        assert sum(shares) == Decimal("0.1")
        assert max(shares) - min(shares) <= Decimal("1e-9")


# What is shown


def all_that_shows(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(vars(error))


def echoes(call: Call) -> Answer:
    return fails(400, f"Cannot do {call.raw.decode()} with {call.headers}")


@pytest.mark.parametrize("step", [
    echoes, DROP, HANG,
    lambda call: Answer(500, f"trace: {call.raw!r} {call.headers}"),
    lambda call: fails(400, f"rejected by the safety system: {PROMPT}", "moderation_blocked"),
    lambda call: sends({"revised_prompt": f"No: {PROMPT} {call.headers}"}),
    lambda call: sends({"url": f"http://elsewhere.example/{PROMPT}?{call.headers}"}),
    lambda call: Answer(404, {"error": f"no model for {PROMPT} {call.headers}"}),
])  # fmt: skip
def test_no_key_and_no_prompt_in_anything_that_is_shown(
    step: Step, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with Sitting(step, image_timeout_s=0.5) as sitting:
        with pytest.raises(VidsumError) as caught:
            sitting.make()
        assert sitting.provider.calls[0].headers["authorization"] == f"Bearer {KEY}"
        state = repr(vars(sitting.engine)) + repr(vars(sitting.engine._connection))
        booked = repr([vars(ending) for ending in sitting.desk.endings])
    logged = "\n".join(record.getMessage() for record in caplog.records)
    shown = all_that_shows(caught.value) + caught.value.hint + state + booked + logged
    assert caplog.records != []
    assert KEY not in shown
    assert "lighthouse in the fog" not in shown


def test_an_echo_is_cut_out_and_the_rest_stays() -> None:
    said = without_echo(f"Blocked: {PROMPT[:40]}. Ask otherwise.", PROMPT)
    assert said == "Blocked: …. Ask otherwise."
    assert without_echo("Nothing of it", PROMPT) == "Nothing of it"
    assert without_echo("fog is refused", "fog") == "fog is refused"
    assert without_echo("", PROMPT) == ""
