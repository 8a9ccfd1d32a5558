"""Transformers: named verbs in chains, declared in YAML, compiled once."""

from haloitsm_transformers.capabilities import Call, Storage
from haloitsm_transformers.chain import Chain, Trace, compile_chain
from haloitsm_transformers.check import check_steps
from haloitsm_transformers.conditions import condition
from haloitsm_transformers.contract import Builder, Entity, Example, LeftOut, Params, Run, Stream, Transformer
from haloitsm_transformers.errors import Failure, PluginError, StepProblem, StepsError, TransformError
from haloitsm_transformers.expressions import expression
from haloitsm_transformers.fields import (
    ClientName,
    Condition,
    Expression,
    IncomingName,
    Key,
    Path,
    Pattern,
    Steps,
    StorageKey,
    StorageName,
    Template,
)
from haloitsm_transformers.placeholders import names_read, template
from haloitsm_transformers.registry import Registry
from haloitsm_transformers.schema import SchemaGenerator, json_schema
from haloitsm_transformers.world import Answer, World

__all__ = [
    "Answer",
    "Builder",
    "Call",
    "Chain",
    "ClientName",
    "Condition",
    "Entity",
    "Example",
    "Expression",
    "Failure",
    "IncomingName",
    "Key",
    "LeftOut",
    "Params",
    "Path",
    "Pattern",
    "PluginError",
    "Registry",
    "Run",
    "SchemaGenerator",
    "StepProblem",
    "Steps",
    "StepsError",
    "Storage",
    "StorageKey",
    "StorageName",
    "Stream",
    "Template",
    "Trace",
    "TransformError",
    "Transformer",
    "World",
    "check_steps",
    "compile_chain",
    "condition",
    "expression",
    "json_schema",
    "names_read",
    "template",
]
