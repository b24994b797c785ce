"""What the core itself brings, declared through the same hooks as everyone's."""

from __future__ import annotations

from vlbench.encoders.options import SentenceTransformerOptions, TimmOptions
from vlbench.registry.hookspecs import hookimpl
from vlbench.registry.specs import Declaration, EncoderSpec, HeadSpec


@hookimpl
def vlbench_encoders() -> list[EncoderSpec]:
    """Encoders of the two model libraries that vlbench depends on."""
    return [
        EncoderSpec(
            name="timm",
            target="vlbench.encoders.timm_encoder:TimmEncoder",
            side="image",
            summary="Any timm image model, pretrained, from a local file or at random.",
            options=TimmOptions,
            suggest="vlbench.encoders.suggest:timm_models",
        ),
        EncoderSpec(
            name="sentence-transformers",
            target="vlbench.encoders.sentence_encoder:SentenceTransformerEncoder",
            side="text",
            summary="Any sentence-transformers model, by name or folder.",
            options=SentenceTransformerOptions,
            suggest="vlbench.encoders.suggest:sentence_models",
        ),
    ]


@hookimpl
def vlbench_heads() -> list[HeadSpec]:
    """Heads beside ``none``, ``linear`` and ``residual``, which a tower describes by itself."""
    return [HeadSpec("mlp", "vlbench.students.mlp:MLPHead", "Two layers with a GELU between them.")]


@hookimpl
def vlbench_formats() -> list[Declaration]:
    """The board for people, for documents and for programs."""
    return [
        Declaration("text", "vlbench.board.render_text:render_text", "A table for the terminal."),
        Declaration("markdown", "vlbench.board.render_markdown:render_markdown", "A table for a README or an issue."),
        Declaration("csv", "vlbench.board.render_csv:render_csv", "One line a row, for a spreadsheet or a plot."),
        Declaration("json", "vlbench.board.render_json:render_json", "The table's fields by name, for programs."),
        Declaration("latex", "vlbench.board.render_latex:render_latex", "A booktabs table for a paper."),
    ]


@hookimpl
def vlbench_commands() -> list[Declaration]:
    """The commands that vlbench is known by; declared first, so that no plugin can take their names."""
    from vlbench.cli.main import COMMANDS

    return [Declaration(name, f"vlbench.cli.{name}:command", summary) for name, summary in COMMANDS.items()]


@hookimpl
def vlbench_executors() -> list[Declaration]:
    """One row after the other."""
    return [Declaration("serial", "vlbench.runs.executors:serial", "One row after the other, in the order asked for.")]
