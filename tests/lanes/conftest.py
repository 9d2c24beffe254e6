import pytest

from .machines import MACHINES


@pytest.fixture(params=MACHINES, scope="module")
def machine(request):
    return MACHINES[request.param]
