"""Everything that an operation refuses by name: bad input, told with the way out. All else is a defect of ours."""

from typing import Final

from tallystick.features.as_of_build import StreamFaults
from tallystick.ledger.chain import AnchorFault
from tallystick.operations.backtesting import BacktestFault
from tallystick.operations.clocks import ClockFault
from tallystick.operations.close_day import DayNotOver, DayPassedOver
from tallystick.operations.contract_changes import ChangeFault
from tallystick.operations.database import DatabaseFault
from tallystick.operations.debits import DebitFault
from tallystick.operations.deciding import NoRelease
from tallystick.operations.features import FeatureUnknown
from tallystick.operations.judging import InfeasibleCaps
from tallystick.operations.ledger import AccountFault
from tallystick.operations.lending import NotPublished
from tallystick.operations.limit_reviews import LimitReviewFault
from tallystick.operations.lines import ActorFault
from tallystick.operations.money_in import ChannelFault
from tallystick.operations.replaying import DecisionUnknown
from tallystick.operations.review import ReviewFault
from tallystick.operations.scoring import ScoringFault
from tallystick.operations.settlement import SettlementFault
from tallystick.operations.suspense import SuspenseFault
from tallystick.operations.training_sets import TrainingFault
from tallystick.operations.whole_files import OutputFault
from tallystick.scoring.boosted import MonotoneFault
from tallystick.scoring.calibration import CalibrationFault
from tallystick.scoring.manifest import ModelFilesFault
from tallystick.scoring.model import ColumnFault
from tallystick.sources.files import FileFault
from tallystick.sources.mapping import MappingFaults
from tallystick.sources.portfolio import PortfolioFault
from tallystick.storage.contracts import VersionFault
from tallystick.storage.migration import SchemaFault
from tallystick.storage.place import EmbeddedFault
from tallystick.strategy.economics import StrategyFaults
from tallystick.terms.caps import NoLegalCap
from tallystick.terms.contract import NotSold
from tallystick.terms.form import FormFaults
from tallystick.trust.master_key import MasterKeyFault
from tallystick.trust.personal_data import SealFault
from tallystick.units.ids import IdFault

FAULTS: Final = (
    AccountFault,
    ActorFault,
    AnchorFault,
    BacktestFault,
    CalibrationFault,
    ChangeFault,
    ChannelFault,
    ClockFault,
    ColumnFault,
    DatabaseFault,
    DayNotOver,
    DayPassedOver,
    DebitFault,
    DecisionUnknown,
    EmbeddedFault,
    FeatureUnknown,
    FileFault,
    FormFaults,
    IdFault,
    InfeasibleCaps,
    MappingFaults,
    ModelFilesFault,
    MasterKeyFault,
    MonotoneFault,
    LimitReviewFault,
    NoLegalCap,
    NoRelease,
    NotPublished,
    NotSold,
    OutputFault,
    PortfolioFault,
    ReviewFault,
    SchemaFault,
    SealFault,
    ScoringFault,
    SettlementFault,
    StrategyFaults,
    StreamFaults,
    SuspenseFault,
    TrainingFault,
    VersionFault,
)
