"""All parameters of the economy together: how people live, what is known of them, what rings do, and who they are."""

from msgspec import Struct

from tallystick.world.economy.information_parameters import InformationParameters, standard_information
from tallystick.world.economy.living_parameters import LivingParameters, standard_living
from tallystick.world.economy.rings_parameters import FraudParameters, standard_fraud
from tallystick.world.parameters import WorldParameters, standard_parameters


class EconomyParameters(Struct, frozen=True, kw_only=True):
    """`living.toml`, `information.toml`, `rings.toml` and `../parameters.toml`, read and checked."""

    living: LivingParameters
    information: InformationParameters
    fraud: FraudParameters
    world: WorldParameters


def standard_economy() -> EconomyParameters:
    """Those that ship."""
    return EconomyParameters(
        living=standard_living(),
        information=standard_information(),
        fraud=standard_fraud(),
        world=standard_parameters(),
    )
