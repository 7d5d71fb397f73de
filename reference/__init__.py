"""The reference: OPTE's VPC datapath in readable Python. It says what is right; `fastpath` says it fast."""

from reference.direction import Direction
from reference.errors import (
    BadState,
    ControlError,
    InvalidIpConfig,
    InvalidMapping,
    InvalidRouterEntry,
    LayerNotFound,
    RuleNotFound,
    TextError,
)
from reference.port import Port
from reference.port_data import PortState
from reference.semantics import Semantics
from reference.verdict import (
    DenyReason,
    Drop,
    DropCause,
    Hairpin,
    LayerDrop,
    Modified,
    ParseError,
    ProcessError,
    Verdict,
)
from reference.vpc.config import ExternalIps, IpConfig, SourceNat, TableLimits, TransitIp, VpcConfig
from reference.vpc.mappings import Mappings, PhysicalAddress, TunnelEndpoint

__all__ = [
    "BadState",
    "ControlError",
    "DenyReason",
    "Direction",
    "Drop",
    "DropCause",
    "ExternalIps",
    "Hairpin",
    "InvalidIpConfig",
    "InvalidMapping",
    "InvalidRouterEntry",
    "IpConfig",
    "LayerDrop",
    "LayerNotFound",
    "Mappings",
    "Modified",
    "ParseError",
    "PhysicalAddress",
    "Port",
    "PortState",
    "ProcessError",
    "RuleNotFound",
    "Semantics",
    "SourceNat",
    "TableLimits",
    "TextError",
    "TransitIp",
    "TunnelEndpoint",
    "Verdict",
    "VpcConfig",
]
