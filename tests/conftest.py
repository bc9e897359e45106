"""How hard the property tests look: DADEUM_HYPOTHESIS is laptop (the default), ci or night. By day the same examples every time."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile("laptop", max_examples=25, deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("ci", max_examples=60, deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("night", max_examples=2000, deadline=None, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("DADEUM_HYPOTHESIS", "laptop"))
