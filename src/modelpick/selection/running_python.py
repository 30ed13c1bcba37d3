"""One line of Python for models that no server runs here: it makes a text of a sound, a sound or a picture of a text.

Libraries read the weights with their own code, never with code from the repository (trust_remote_code). Where a maker
publishes a library of its own for a model, that is what the line uses; where neither is known, there is no line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelpick.selection.interface import Candidate
from modelpick.values import dataclass

_TEXT = "A bicycle has two wheels."


@dataclass(frozen=True, slots=True)
class Script:
    """Python code, or another program's words, and what has to be installed or be there for it."""

    code: str | None = None
    words: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """The weights' place as a Python literal, the number type, and whether they go to a GPU, whole or in turns."""

    weights: str
    dtype: str
    on_gpu: bool
    in_turns: bool = False

    @property
    def torch(self) -> str:
        """The number type for libraries that want torch's own."""
        return f"torch.{'bfloat16' if self.dtype == 'auto' else self.dtype}"

    @property
    def placed(self) -> str:
        """The argument of ``from_pretrained`` and ``pipeline`` for it."""
        return 'device_map="auto"' if self.on_gpu else 'device_map="cpu"'


def script_for(candidate: Candidate, where: str, placement: str, task: str | None = None) -> Script:
    """The line for a model of its kind; without code where no library is known to run it from its name alone."""
    on_gpu = placement != "cpu"
    place = Place(literal(where), _dtype(candidate.option.quantisation), on_gpu, placement == "partial-offload")
    repo = candidate.option.source.repo.lower()
    recipe = next((made for start, made in _BY_REPO.items() if repo.startswith(start)), None)
    if recipe is None and candidate.entry.modality == "any-to-any" and task in _SOUNDS:
        recipe = _unknown
    recipe = recipe or _BY_MODALITY.get(candidate.entry.modality, _unknown)
    script = recipe(candidate, place)
    if place.weights in (script.code or "") or where == candidate.option.source.repo:
        return script
    return Script(script.code, script.words, (*script.notes, f"it finds its weights by itself: {where} is not used"))


def literal(text: str) -> str:
    """A Python string, in double quotes where possible: the line stands in single quotes for the shell."""
    if not text.isprintable() or "'" in text:
        return repr(text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _dtype(quantisation: str | None) -> str:
    """What the estimate counted with; low-bit formats say themselves what they are."""
    return {"BF16": "bfloat16", "F16": "float16", "F32": "float32", None: "bfloat16"}.get(quantisation, "auto")


def _needs(*packages: str) -> str:
    return f"needs: pip install {' '.join(packages)}"


def _pipeline(task: str, place: Place) -> str:
    return (
        f'from transformers import pipeline; pipe = pipeline("{task}", {place.weights}, '
        f'dtype="{place.dtype}", {place.placed})'
    )


_TRANSFORMERS = _needs("transformers", "torch", "accelerate")
_SOUND_IN = "reads speech.wav: put your own recording there, or its name in the line"
_SOUND_OUT = "writes speech.wav"
_SOUNDS = ("speech-to-text", "text-to-speech")
"""What models of several kinds do each in a way of their own."""


def _text(candidate: Candidate, place: Place) -> Script:
    code = f'{_pipeline("text-generation", place)}; print(pipe("Hello", max_new_tokens=50)[0]["generated_text"])'
    return Script(code, notes=(_TRANSFORMERS,))


def _sees(candidate: Candidate, place: Place) -> Script:
    content = '[{"type": "image", "path": "picture.jpg"}, {"type": "text", "text": "What is in this picture?"}]'
    asked = f'pipe(text=[{{"role": "user", "content": {content}}}], max_new_tokens=100, return_full_text=False)'
    code = f'{_pipeline("image-text-to-text", place)}; print({asked}[0]["generated_text"])'
    picture = "reads picture.jpg: put your own picture there, or its name in the line"
    return Script(code, notes=(picture, _needs("transformers", "torch", "accelerate", "pillow")))


def _hears(candidate: Candidate, place: Place) -> Script:
    # Whisper hears 30 seconds at a time, and goes on only with timestamps.
    whisper = candidate.entry.model_type == "whisper" or "whisper" in candidate.option.source.repo.lower()
    longer = ", return_timestamps=True" if whisper else ""
    code = f'{_pipeline("automatic-speech-recognition", place)}; print(pipe("speech.wav"{longer})["text"])'
    return Script(code, notes=(_SOUND_IN, f"{_TRANSFORMERS}, and the program ffmpeg"))


def _cohere_hears(candidate: Candidate, place: Place) -> Script:
    """Source: https://huggingface.co/docs/transformers/model_doc/cohere_asr."""
    code = (
        "from transformers import AutoProcessor, CohereAsrForConditionalGeneration as Model; "
        "from transformers.audio_utils import load_audio; "
        f"processor = AutoProcessor.from_pretrained({place.weights}); "
        f'model = Model.from_pretrained({place.weights}, dtype="{place.dtype}", {place.placed}); '
        'inputs = processor(audio=load_audio("speech.wav", sampling_rate=16000), sampling_rate=16000, '
        'return_tensors="pt", language="en"); '
        'chunks = inputs.pop("audio_chunk_index", None); '
        "outputs = model.generate(**inputs.to(model.device, dtype=model.dtype), max_new_tokens=256); "
        'print(processor.decode(outputs, skip_special_tokens=True, audio_chunk_index=chunks, language="en"))'
    )
    packages = _needs("transformers>=5.4", "torch", "accelerate", "librosa", "soundfile", "sentencepiece")
    return Script(code, notes=(_SOUND_IN, 'other languages: "de" and so on in place of "en"', packages))


def _qwen_hears(candidate: Candidate, place: Place) -> Script:
    """Source: https://github.com/QwenLM/Qwen3-ASR."""
    code = (
        "import torch; from qwen_asr import Qwen3ASRModel; "
        f"model = Qwen3ASRModel.from_pretrained({place.weights}, dtype={place.torch}, {place.placed}); "
        'print(model.transcribe(audio="speech.wav", language=None)[0].text)'
    )
    return Script(code, notes=(_SOUND_IN, _needs("qwen-asr")))


def _speaks(candidate: Candidate, place: Place) -> Script:
    code = (
        f'import scipy.io.wavfile; {_pipeline("text-to-audio", place)}; sound = pipe("{_TEXT}"); '
        'scipy.io.wavfile.write("speech.wav", sound["sampling_rate"], sound["audio"].squeeze().astype("float32"))'
    )
    return Script(code, notes=(_SOUND_OUT, _needs("transformers", "torch", "accelerate", "scipy")))


def _pocket_speaks(candidate: Candidate, place: Place) -> Script:
    """Source: https://github.com/kyutai-labs/pocket-tts, docs/CLI Commands/generate.md."""
    words = ("pocket-tts", "generate", "--text", _TEXT, "--output-path", "speech.wav")
    return Script(words=words, notes=(_SOUND_OUT, _needs("pocket-tts")))


def _chatterbox_speaks(candidate: Candidate, place: Place) -> Script:
    """Source: https://github.com/resemble-ai/chatterbox."""
    device = 'str(torch.accelerator.current_accelerator() or "cpu")' if place.on_gpu else '"cpu"'
    code = (
        "import torch, torchaudio; from chatterbox.tts import ChatterboxTTS; "
        f"model = ChatterboxTTS.from_pretrained(device={device}); "
        f'torchaudio.save("speech.wav", model.generate("{_TEXT}"), model.sr)'
    )
    return Script(code, notes=(_SOUND_OUT, _needs("chatterbox-tts")))


def _qwen_speaks(candidate: Candidate, place: Place) -> Script:
    """Source: https://github.com/QwenLM/Qwen3-TTS."""
    code = (
        "import torch, soundfile; from qwen_tts import Qwen3TTSModel; "
        f"model = Qwen3TTSModel.from_pretrained({place.weights}, dtype={place.torch}, {place.placed}); "
        f'sounds, rate = model.generate_custom_voice(text="{_TEXT}", language="English", speaker="Ryan"); '
        'soundfile.write("speech.wav", sounds[0], rate)'
    )
    return Script(code, notes=(_SOUND_OUT, _needs("qwen-tts")))


def _embeds(candidate: Candidate, place: Place) -> Script:
    code = (
        "import numpy; from sentence_transformers import SentenceTransformer; "
        f"model = SentenceTransformer({place.weights}{_sentences(place)}); "
        f'vectors = model.encode(["{_TEXT}", "A car has four."]); '
        'numpy.save("vectors.npy", vectors); print(vectors.shape, model.similarity(vectors, vectors))'
    )
    return Script(code, notes=("writes vectors.npy", _needs("sentence-transformers")))


def _reranks(candidate: Candidate, place: Place) -> Script:
    texts = f'["Bananas are yellow.", "{_TEXT}"]'
    code = (
        f"from sentence_transformers import CrossEncoder; model = CrossEncoder({place.weights}{_sentences(place)}); "
        f'print(model.rank("How many wheels has a bicycle?", {texts}, return_documents=True))'
    )
    return Script(code, notes=(_needs("sentence-transformers"),))


def _sentences(place: Place) -> str:
    """sentence-transformers finds the GPU by itself, and would load 32 bits unless told."""
    device = "" if place.on_gpu else ', device="cpu"'
    return f'{device}, model_kwargs={{"dtype": "{place.dtype}"}}'


def _draws(candidate: Candidate, place: Place) -> Script:
    pictures = _PICTURES_IN.get(candidate.entry.modality, ())
    given = "".join(f', {name}=diffusers.utils.load_image("{file}")' for name, file in pictures)
    repo = candidate.option.source.repo.lower()
    given += next((words for start, words in _FEW_STEPS.items() if repo.startswith(start)), "")
    move = 'pipe.to("cpu")'
    if place.on_gpu:
        # Parts that take turns on the GPU are moved by diffusers itself.
        move = (
            "pipe.enable_model_cpu_offload()" if place.in_turns else "pipe.to(torch.accelerator.current_accelerator())"
        )
    code = (
        "import torch, diffusers; "
        f"pipe = diffusers.DiffusionPipeline.from_pretrained({place.weights}, torch_dtype={place.torch}); "
        f'{move}; pipe(prompt="a red bicycle"{given}).images[0].save("image.png")'
    )
    reads = tuple(f"reads {file}: put your own picture there, or its name in the line" for _, file in pictures)
    packages = _needs("diffusers", "torch", "transformers", "accelerate", "sentencepiece")
    return Script(code, notes=(*reads, "writes image.png", packages))


_PICTURES_IN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "image-to-image": (("image", "input.png"),),
    "depth-to-image": (("image", "input.png"),),
    "image-inpainting": (("image", "input.png"), ("mask_image", "mask.png")),
}


# Distilled to few steps without guidance: the pipeline's defaults would take longer and draw worse.
# Sources: the cards of these repositories.
_FEW_STEPS: Mapping[str, str] = {
    "tongyi-mai/z-image-turbo": ", num_inference_steps=9, guidance_scale=0.0",
    "black-forest-labs/flux.1-schnell": ", num_inference_steps=4, guidance_scale=0.0",
    "black-forest-labs/flux.2-klein-4b": ", num_inference_steps=4, guidance_scale=1.0",
    "black-forest-labs/flux.2-klein-9b": ", num_inference_steps=4, guidance_scale=1.0",
    "stabilityai/stable-diffusion-3.5-large-turbo": ", num_inference_steps=4, guidance_scale=0.0",
    "stabilityai/sdxl-turbo": ", num_inference_steps=1, guidance_scale=0.0",
}


def _unknown(candidate: Candidate, place: Place) -> Script:
    page = f"https://huggingface.co/{candidate.option.source.repo}"
    return Script(notes=(f"no library is known here that runs {candidate.entry.slug} in one line: see {page}",))


Recipe = Callable[[Candidate, Place], Script]
_BY_MODALITY: Mapping[str, Recipe] = {
    "text": _text,
    "code": _text,
    "vision-language": _sees,
    "any-to-any": _sees,
    "speech-to-text": _hears,
    "text-to-audio": _speaks,
    "embedding": _embeds,
    "reranker": _reranks,
    "text-to-image": _draws,
    "image-to-image": _draws,
    "depth-to-image": _draws,
    "image-inpainting": _draws,
}
"""Text to speech is not among them: few of those models are ones that transformers reads from their own repository."""
_BY_REPO: Mapping[str, Recipe] = {
    "coherelabs/cohere-transcribe": _cohere_hears,
    "qwen/qwen3-asr": _qwen_hears,
    "kyutai/pocket-tts": _pocket_speaks,
    "resembleai/chatterbox": _chatterbox_speaks,
    "qwen/qwen3-tts-12hz-0.6b-customvoice": _qwen_speaks,
    "qwen/qwen3-tts-12hz-1.7b-customvoice": _qwen_speaks,
    # Published for libraries of their makers, or with parts that have to be brought along.
    "nvidia/canary-qwen": _unknown,
    "kyutai/stt": _unknown,
    "mistralai/voxtral": _unknown,
    "ibm-granite/granite-speech": _unknown,
    "ibm-granite/granite-4.0-1b-speech": _unknown,
    "zai-org/glm-asr": _unknown,
    "microsoft/vibevoice": _unknown,
    "facebook/seamless": _unknown,
    "hidream-ai/hidream-i1": _unknown,
    "tencent/hunyuanimage": _unknown,
    "stabilityai/stable-diffusion-xl-1.0-tensorrt": _unknown,
}
"""By the beginning of the repository's name in small letters."""
