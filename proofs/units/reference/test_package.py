"""What the package offers by name."""

import reference


def test_every_name_that_the_package_offers_is_there() -> None:
    assert [name for name in reference.__all__ if not hasattr(reference, name)] == []
