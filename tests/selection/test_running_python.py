"""The lines of Python compile, and those that can be tried on a tiny random model here make what they say."""

import ast
import json
import os
import shlex
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from tests.selection.test_running import ON_CARD, ON_CPU, _fit, _gpu
from tests.selection.world import entry

from modelpick.estimation.interface import Placement, PoolUse
from modelpick.selection.interface import Candidate, Option, Source
from modelpick.selection.running import run_command

IN_TURNS = _fit(Placement("partial-offload", (_gpu(0, 0), PoolUse("host", None, 1, 10, 0, 1)), None, None))
MODALITIES = [
    "text", "code", "vision-language", "embedding", "reranker", "speech-to-text", "text-to-audio", "text-to-image",
    "image-to-image", "depth-to-image", "image-inpainting",
]  # fmt: skip
OWN = [
    "CohereLabs/cohere-transcribe-03-2026", "Qwen/Qwen3-ASR-0.6B", "ResembleAI/chatterbox",
    "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice",
]  # fmt: skip


def _made(fit=ON_CPU, *, repo="maker/model", quantisation="BF16", file=None, task=None, **changes):
    option = Option("safetensors", quantisation, "transformers", Source("safetensors", repo, "official"))
    return run_command(Candidate(entry("model", **changes), option, 8192), fit, file=file, task=task)


def _code(made):
    ((program, flag, code),) = [shlex.split(line) for line in made.lines]
    assert (program, flag) == ("python", "-c")
    compile(code, "run", "exec")
    return code


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("quantisation", ["BF16", "F16", "FP8"])
def test_what_python_is_given_compiles_names_the_weights_and_makes_something(modality, quantisation):
    for fit in (ON_CARD, ON_CPU, IN_TURNS):
        made = _made(fit, quantisation=quantisation, modality=modality)
        code = _code(made)
        assert '"maker/model"' in code and "trust_remote_code" not in code
        assert "print(" in code or ".save(" in code or "write(" in code
        assert any("pip install" in note for note in made.notes)
        if fit is ON_CPU:
            assert "accelerator" not in code and 'device_map="auto"' not in code and "cuda" not in code
    assert "torch.auto" not in code


@pytest.mark.parametrize("repo", OWN)
def test_the_lines_for_libraries_of_their_makers_compile(repo):
    code = _code(_made(repo=repo, modality="text-to-speech"))
    names = {
        alias.name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert names
    assert "speech.wav" in code


def test_pocket_tts_is_its_own_program():
    (line,) = _made(repo="kyutai/pocket-tts", modality="text-to-speech").lines
    words = shlex.split(line)
    assert words[:2] == ["pocket-tts", "generate"] and words[-2:] == ["--output-path", "speech.wav"]


@pytest.mark.parametrize(
    "changes",
    [
        {"modality": "text-to-speech"},
        {"modality": "zero-shot-image-classification"},
        {"modality": "any-to-any", "task": "text-to-speech"},
        {"modality": "speech-to-text", "repo": "mistralai/Voxtral-Mini-3B-2507"},
        {"modality": "text-to-image", "repo": "HiDream-ai/HiDream-I1-Full"},
    ],
)
def test_where_no_library_is_known_the_page_is_named_and_nothing_is_made_up(changes):
    made = _made(**changes)
    assert not made.lines
    assert f"https://huggingface.co/{changes.get('repo', 'maker/model')}" in made.notes[0]


def test_parts_take_turns_as_they_were_placed():
    assert "enable_model_cpu_offload()" in _code(_made(IN_TURNS, modality="text-to-image"))
    assert ".to(" in _code(_made(ON_CARD, modality="text-to-image"))


def test_few_step_models_are_asked_for_few_steps():
    few = _code(_made(repo="Tongyi-MAI/Z-Image-Turbo", modality="text-to-image"))
    assert "num_inference_steps=9, guidance_scale=0.0" in few
    assert "num_inference_steps" not in _code(_made(repo="Tongyi-MAI/Z-Image", modality="text-to-image"))


def test_only_whisper_is_asked_for_timestamps():
    assert "return_timestamps" in _code(_made(modality="speech-to-text", model_type="whisper"))
    assert "return_timestamps" not in _code(_made(modality="speech-to-text", model_type="wav2vec2"))


def test_a_file_that_a_library_does_not_take_is_told():
    notes = _made(repo="kyutai/pocket-tts", modality="text-to-speech", file="/here").notes
    assert any("/here is not used" in note for note in notes)
    assert not any("is not used" in note for note in _made(modality="embedding", file="/here").notes)


theirs = pytest.mark.filterwarnings("ignore")  # the libraries' own warnings, while the tiny models are made

# A stand-in for ffmpeg where there is none: it is asked for raw 32-bit floats of a sound on its standard input.
FFMPEG = """#!{python}
import io, struct, sys, wave
with wave.open(io.BytesIO(sys.stdin.buffer.read())) as sound:
    frames = sound.readframes(sound.getnframes())
samples = struct.unpack("<%dh" % (len(frames) // 2), frames)
sys.stdout.buffer.write(struct.pack("<%df" % len(samples), *(sample / 32768 for sample in samples)))
"""


def _run(made, folder: Path) -> str:
    """Run the line as a shell would, offline, with this interpreter as ``python``."""
    programs = folder / "programs"
    programs.mkdir()
    tools = {"python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "ffmpeg": FFMPEG.format(python=sys.executable)}
    for name, text in tools.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"}
    (line,) = made.lines
    ran = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


def _sound(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(bytes(16000 * 2))


def _vocabulary(folder: Path, extra: tuple[str, ...] = ()) -> int:
    """A tokenizer of bytes for the tiny models."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = ["<|endoftext|>", *extra, *letters]
    tokens = Tokenizer(models.BPE(vocab={name: place for place, name in enumerate(names)}, merges=[]))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, eos_token=names[0], pad_token=names[0], bos_token=names[0], unk_token=names[0]
    ).save_pretrained(folder)
    return len(names)


@theirs
def test_a_wav2vec2_hears(tmp_path):
    pytest.importorskip("accelerate")
    transformers = pytest.importorskip("transformers")
    model = tmp_path / "it is here"
    config = transformers.Wav2Vec2Config(
        vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8, 8), conv_stride=(5, 4), conv_kernel=(10, 8), num_feat_extract_layers=2,
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, feat_extract_norm="layer",
    )  # fmt: skip
    transformers.Wav2Vec2ForCTC(config).save_pretrained(model)
    (tmp_path / "vocab.json").write_text(
        json.dumps({name: at for at, name in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"abc"])})
    )
    transformers.Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json")).save_pretrained(model)
    transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(model)
    _sound(tmp_path / "speech.wav")
    said = _run(_made(modality="speech-to-text", quantisation="F32", file=str(model)), tmp_path)
    assert set(said.strip().lower()) <= set("abc ")


@theirs
def test_a_text_model_answers(tmp_path):
    pytest.importorskip("accelerate")
    transformers = pytest.importorskip("transformers")
    model = tmp_path / "model"
    size = _vocabulary(model)
    config = transformers.LlamaConfig(
        vocab_size=size, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    transformers.LlamaForCausalLM(config).save_pretrained(model)
    assert "Hello" in _run(_made(modality="text", file=str(model)), tmp_path)


@theirs
def test_a_voice_writes_a_sound(tmp_path):
    pytest.importorskip("accelerate")
    pytest.importorskip("scipy")
    transformers = pytest.importorskip("transformers")
    model = tmp_path / "model"
    letters = ["<pad>", "<unk>", *"abcdefghijklmnopqrstuvwxyz ."]
    (tmp_path / "vocab.json").write_text(json.dumps({name: at for at, name in enumerate(letters)}))
    transformers.VitsTokenizer(
        str(tmp_path / "vocab.json"), pad_token="<pad>", unk_token="<unk>", phonemize=False, is_uroman=False
    ).save_pretrained(model)
    config = transformers.VitsConfig(
        vocab_size=len(letters), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, flow_size=16,
        spectrogram_bins=8, duration_predictor_filter_channels=16, prior_encoder_num_flows=1,
        posterior_encoder_num_wavenet_layers=1, prior_encoder_num_wavenet_layers=1, duration_predictor_num_flows=2,
        upsample_initial_channel=16, upsample_rates=[8, 8], upsample_kernel_sizes=[16, 16],
        resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3, 5]],
    )  # fmt: skip
    transformers.VitsModel(config).save_pretrained(model)
    _run(_made(modality="text-to-audio", quantisation="F32", file=str(model)), tmp_path)
    assert (tmp_path / "speech.wav").read_bytes()[:4] == b"RIFF"


@theirs
def test_a_sentence_becomes_a_vector(tmp_path):
    pytest.importorskip("sentence_transformers")
    numpy = pytest.importorskip("numpy")
    transformers = pytest.importorskip("transformers")
    model = tmp_path / "model"
    config = transformers.BertConfig(
        vocab_size=_vocabulary(model), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config).save_pretrained(model)
    _run(_made(modality="embedding", file=str(model)), tmp_path)
    assert numpy.load(tmp_path / "vectors.npy").shape == (2, 16)


@theirs
def test_a_reranker_ranks(tmp_path):
    pytest.importorskip("sentence_transformers")
    transformers = pytest.importorskip("transformers")
    model = tmp_path / "model"
    config = transformers.BertConfig(
        vocab_size=_vocabulary(model), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, num_labels=1,
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(model)
    said = _run(_made(modality="reranker", file=str(model)), tmp_path)
    assert said.count("corpus_id") == 2


@theirs
def test_a_pipeline_draws(tmp_path):
    diffusers = pytest.importorskip("diffusers")
    transformers = pytest.importorskip("transformers")
    model = tmp_path / "model"
    size = _vocabulary(tmp_path / "words")
    text = transformers.CLIPTextConfig(
        vocab_size=size, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=32, projection_dim=16, bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    words = transformers.AutoTokenizer.from_pretrained(tmp_path / "words", model_max_length=32)
    diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, layers_per_block=1, sample_size=32),
        text_encoder=transformers.CLIPTextModel(text),
        tokenizer=words,
        unet=diffusers.UNet2DConditionModel(
            sample_size=16, block_out_channels=(8, 8), layers_per_block=1, cross_attention_dim=16, norm_num_groups=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=2, in_channels=4, out_channels=4,
        ),
        scheduler=diffusers.EulerDiscreteScheduler(steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(model)  # fmt: skip
    _run(_made(modality="text-to-image", file=str(model)), tmp_path)
    assert (tmp_path / "image.png").read_bytes()[1:4] == b"PNG"
