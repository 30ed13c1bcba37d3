"""What do the bytes of a model file say? GGUF, ggml block types, safetensors."""
