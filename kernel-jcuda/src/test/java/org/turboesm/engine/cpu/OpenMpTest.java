package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.turboesm.ChildJvm;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.Linear;
import org.turboesm.esm2.LinearWeights;

class OpenMpTest {
  private static final String CALLER = "linear-caller";

  @Test
  void callsTakeOneThreadEachWhateverTheEnvironmentSays() throws Exception {
    String printed =
        ChildJvm.run(
                CallOnThreads.class,
                List.of("--add-modules=jdk.incubator.vector"),
                Map.of("OMP_NUM_THREADS", "4", "OMP_DYNAMIC", "false"))
            .output();

    assertThat(printed.strip()).isEqualTo("2 native threads");
  }

  /**
   * Runs a large layer on two threads, one made before the layer and one after, and prints how many
   * native threads there are of their name: OpenMP's own inherit the name of the one they serve.
   */
  static final class CallOnThreads {
    public static void main(String[] arguments) throws Exception {
      CpuOperators operators = new CpuOperators(Precision.F32);
      Linear[] linear = new Linear[1];
      Thread maker =
          new Thread(
              () -> {
                linear[0] =
                    operators.linear(
                        new LinearWeights(512, 2048, new float[512 * 2048], new float[2048]),
                        Linear.Epilogue.NONE);
                useAndStay(linear[0]);
              },
              CALLER);
      maker.setDaemon(true);
      maker.start();
      waitForSleep(maker);
      Thread user = new Thread(() -> useAndStay(linear[0]), CALLER);
      user.setDaemon(true);
      user.start();
      waitForSleep(user);
      System.out.println(nativeThreads() + " native threads");
    }

    private static void useAndStay(Linear linear) {
      linear.apply(new float[512 * 512], 512, new float[512 * 2048]);
      try {
        Thread.sleep(60_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    private static void waitForSleep(Thread thread) throws InterruptedException {
      while (thread.getState() != Thread.State.TIMED_WAITING) {
        Thread.sleep(10);
      }
    }

    private static long nativeThreads() throws IOException {
      try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
        return tasks.filter(task -> name(task).equals(CALLER)).count();
      }
    }

    private static String name(Path task) {
      try {
        return Files.readString(task.resolve("comm")).strip();
      } catch (IOException e) {
        return "";
      }
    }
  }
}
