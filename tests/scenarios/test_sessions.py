"""A session from its first gesture to its last message, in every order in which people do things (scenario S1)."""


async def test_s1_plug_first_then_card(charge_point):
    """The car is plugged, the card comes after: Preparing, Authorize, StartTransaction, Charging (TXN-2, TXN-3)."""
    await charge_point.start()
    await charge_point.plug()
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.status() == "Preparing", within_s=3)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.status() == "Charging", within_s=10)
    assert charge_point.closed()
