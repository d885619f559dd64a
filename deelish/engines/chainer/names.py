"""Names that arrays and links have in Chainer; files need them without Chainer."""

# Chainer's name of an array; others have one name in both.
NAMES = {"weight": "W", "bias": "b"}
# What the engine's chain has already: a link of such a name has an underscore after it.
TAKEN = frozenset(
    (
        *("add_hook", "add_link", "add_param", "add_persistent", "addgrads", "children"),
        *("cleargrads", "copy", "copyparams", "count_params", "delete_hook", "device"),
        *("device_resident_accept", "disable_update", "enable_update", "forward", "from_chx"),
        *("from_params", "generator", "init_scope", "links", "local_link_hooks", "name"),
        *("namedlinks", "namedparams", "params", "plan", "printable_specs"),
        *("register_persistent", "repeat", "sampled", "serialize", "to_chx", "to_cpu", "to_device"),
        *("to_gpu", "to_intel64", "update_enabled", "weights_of", "within_init_scope", "xp"),
        *("trainable", "zerograds"),
    )
)
