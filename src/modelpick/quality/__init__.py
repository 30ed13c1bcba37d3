"""How good is it? One ability per family of tasks, fitted from published scores when the registry is built."""
