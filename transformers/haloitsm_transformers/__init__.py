"""Transformers: named verbs in chains, declared in YAML, compiled once."""

from haloitsm_transformers.chain import Chain, Trace, compile_chain
from haloitsm_transformers.check import check_steps
from haloitsm_transformers.conditions import condition
from haloitsm_transformers.contract import Builder, Entity, Example, Params, Run, Stream, Transformer
from haloitsm_transformers.errors import Failure, PluginError, StepProblem, StepsError, TransformError
from haloitsm_transformers.expressions import expression
from haloitsm_transformers.fields import Condition, Expression, Path, Pattern, Steps, Template
from haloitsm_transformers.placeholders import template
from haloitsm_transformers.registry import Registry
from haloitsm_transformers.schema import SchemaGenerator, json_schema

__all__ = [
    "Builder",
    "Chain",
    "Condition",
    "Entity",
    "Example",
    "Expression",
    "Failure",
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
    "Stream",
    "Template",
    "Trace",
    "TransformError",
    "Transformer",
    "check_steps",
    "compile_chain",
    "condition",
    "expression",
    "json_schema",
    "template",
]
