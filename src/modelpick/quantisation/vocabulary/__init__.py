"""The tokenizer's way into the file: byte-level BPE from tokenizer.json, SentencePiece from its own file or JSON."""
