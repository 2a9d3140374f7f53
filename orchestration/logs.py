"""The console logger of runs: plain lines of what matters, nothing of Dagster's own bookkeeping."""

import logging

import dagster as dg


@dg.logger(
    config_schema={"log_level": dg.Field(str, default_value="WARNING", is_required=False)},
    description="Warnings and errors of a run on standard error; the event log keeps everything.",
)
def console_logger(init_context: dg.InitLoggerContext) -> logging.Logger:
    """A logger whose level is the run's to choose."""
    level = init_context.logger_config["log_level"]
    logger = logging.getLogger("billsync.run")
    logger.setLevel(level)
    logger.propagate = False
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        logger.addHandler(handler)
    return logger
