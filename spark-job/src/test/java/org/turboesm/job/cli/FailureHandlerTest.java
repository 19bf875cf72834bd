package org.turboesm.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.Callable;
import org.apache.spark.SparkException;
import org.junit.jupiter.api.Test;
import org.turboesm.TurboEsmException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

class FailureHandlerTest {

  @Command(name = "fail")
  private record Fail(Exception exception) implements Callable<Integer> {
    @Override
    public Integer call() throws Exception {
      throw exception;
    }
  }

  private static String said(Exception exception) {
    StringWriter err = new StringWriter();
    int code =
        new CommandLine(new Fail(exception))
            .setErr(new PrintWriter(err))
            .setExecutionExceptionHandler(new FailureHandler())
            .execute();
    assertThat(code).isEqualTo(1);
    return err.toString();
  }

  @Test
  void whatIsMeantForAPersonIsSaidAlone() {
    assertThat(said(new TurboEsmException("no such model")))
        .isEqualToIgnoringNewLines("turboesm: no such model");
    assertThat(
            said(
                new SparkException(
                    "Job aborted",
                    new SparkException("Task failed", new TurboEsmException("other weights")))))
        .isEqualToIgnoringNewLines("turboesm: other weights");
  }

  @Test
  void anythingElseComesWithAHint() {
    assertThat(said(new IllegalStateException("broken\nsecond line")))
        .contains("turboesm: IllegalStateException: broken")
        .contains("hint: ")
        .doesNotContain("second line");
    assertThat(said(new SparkException("Job aborted", new OutOfMemoryError("Java heap space"))))
        .contains("TURBOESM_DRIVER_MEMORY");
  }
}
