package org.turboesm.job.cli;

import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.turboesm.TurboEsmException;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.ParseResult;

/**
 * Says what went wrong. What is meant for a person is printed alone, even where Spark has wrapped
 * it; anything else comes with a hint, and its stack trace goes to the log.
 */
final class FailureHandler implements IExecutionExceptionHandler {
  private static final Logger LOG = LoggerFactory.getLogger(FailureHandler.class);
  private static final int LONGEST_CHAIN = 50;

  @Override
  public int handleExecutionException(
      Exception exception, CommandLine commandLine, ParseResult parsed) {
    Optional<TurboEsmException> told = find(exception, TurboEsmException.class);
    if (told.isPresent()) {
      LOG.debug("the command failed", exception);
      commandLine.getErr().println("turboesm: " + told.get().getMessage());
    } else {
      LOG.error("the command failed", exception);
      commandLine.getErr().println("turboesm: " + firstLine(exception));
      commandLine.getErr().println("turboesm: hint: " + hint(exception));
    }
    commandLine.getErr().flush();
    return CommandLine.ExitCode.SOFTWARE;
  }

  private static String firstLine(Throwable exception) {
    String message = String.valueOf(exception.getMessage());
    return exception.getClass().getSimpleName() + ": " + message.lines().findFirst().orElse("");
  }

  private static String hint(Exception exception) {
    String text = String.valueOf(exception.getMessage());
    if (find(exception, OutOfMemoryError.class).isPresent() || text.contains("OutOfMemoryError")) {
      return "the heap is too small: set TURBOESM_DRIVER_MEMORY for local mode, or"
          + " spark.executor.memory for a cluster, or take a smaller --batch-tokens";
    }
    if (text.contains("No space left on device")) {
      return "a disk is full: the output's, or Spark's own (spark.local.dir)";
    }
    return "this is not one of the errors that TurboESM knows; the stack trace is in the log, and"
        + " \"turboesm doctor\" checks this machine";
  }

  private static <T extends Throwable> Optional<T> find(Throwable exception, Class<T> type) {
    Throwable cause = exception;
    for (int depth = 0; cause != null && depth < LONGEST_CHAIN; depth++) {
      if (type.isInstance(cause)) {
        return Optional.of(type.cast(cause));
      }
      cause = cause.getCause();
    }
    return Optional.empty();
  }
}
