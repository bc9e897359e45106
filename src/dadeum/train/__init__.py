"""One loop (TRL's); methods are losses and adapters, not scripts. Everything here needs `dadeum[train]` and imports it where used.

    base.base(settings, texts, cache)                    the model to start from: made on the spot, a folder, or the hub's
    loop.train(rows, validation, base, settings, seed, out)   supervised fine-tuning, full or LoRA; continues after a kill
    probe.probes(rows, base, settings)                   what can go wrong in silence, measured on the real configuration
    generate.answers / generate.losses                   what the tuned model says, and how well it expects held-out answers
"""
