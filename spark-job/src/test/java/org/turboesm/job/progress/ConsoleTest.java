package org.turboesm.job.progress;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class ConsoleTest {
  private final StringWriter text = new StringWriter();

  @Test
  void inALogPassingLinesComeAtMostOnceASecond() {
    Console console = new Console(new PrintWriter(text), false);
    for (int i = 0; i < 100; i++) {
      console.passing("at " + i);
    }
    console.line("done");
    assertThat(text.toString().lines()).containsExactly("at 0", "done");
  }

  @Test
  void onATerminalTheyAreWrittenOver() {
    Console console = new Console(new PrintWriter(text), true);
    console.passing("12345");
    console.line("done");
    assertThat(text.toString()).isEqualTo("12345\r     \rdone" + System.lineSeparator());
  }

  @Test
  void phasesAreSaidAndKept() {
    Phases phases = new Phases(new Console(new PrintWriter(text), false));
    assertThat(phases.run("ingest", () -> 17, n -> n + " proteins")).isEqualTo(17);
    assertThat(text.toString()).containsPattern("ingest: 17 proteins \\(\\d+\\.\\d s\\)");
    assertThat(phases.finished()).extracting(Phase::name).containsExactly("ingest");
    assertThat(phases.seconds("ingest")).isEqualTo(phases.finished().get(0).seconds());
    assertThat(phases.seconds("other")).isZero();
  }
}
