"""The engines: each runs plans in one framework. Nothing outside this folder imports one."""

from deelish.engines.base import Engine as Engine
from deelish.engines.base import Values as Values
from deelish.engines.context import Context as Context
from deelish.engines.context import current_context as current_context
from deelish.engines.context import set_default_context as set_default_context
from deelish.engines.opening import open_engine as open_engine
