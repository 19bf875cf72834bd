package org.turboesm.device;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.engine.cuda.DecodeAttentionBenchmark;
import org.turboesm.engine.cuda.DecodeStepBenchmark;
import org.turboesm.engine.cuda.DeviceRates;
import org.turboesm.engine.cuda.EncodeBenchmark;
import org.turboesm.engine.cuda.PrefillBenchmark;

/**
 * What {@code tests/device/run.sh} runs, a part a process, so that a part that fails or hangs costs
 * the others nothing. A part appends its rows to a file as it goes.
 */
public final class DeviceCheck {
  private static final String USAGE =
      "usage: DeviceCheck classes | lengths | tests ROWS CLASS... | PART ROWS [--small]"
          + " | table FOLDER\n"
          + "parts: demo, rates, decode-attention, prefill, encode, decode-step";

  private DeviceCheck() {}

  /** See {@link #USAGE}. */
  public static void main(String[] arguments) {
    List<String> words = List.of(arguments);
    if (words.equals(List.of("classes"))) {
      KernelTests.classes().forEach(System.out::println);
      return;
    }
    if (words.equals(List.of("lengths"))) {
      System.out.println(
          Arrays.stream(Workload.of(false).proteins().lengths())
              .mapToObj(Integer::toString)
              .collect(Collectors.joining(",")));
      return;
    }
    if (words.size() < 2) {
      System.err.println(USAGE);
      System.exit(2);
    }
    Path path = Path.of(words.get(1));
    if (words.get(0).equals("table")) {
      System.exit(table(path) ? 0 : 1);
    }
    Consumer<ResultRow> rows = row -> append(path, row);
    if (words.get(0).equals("tests")) {
      words.subList(2, words.size()).forEach(name -> rows.accept(KernelTests.run(name)));
      return;
    }
    CudaDriver.get()
        .unavailable()
        .ifPresent(
            reason -> {
              throw new IllegalStateException(reason);
            });
    run(words.get(0), Workload.of(words.contains("--small")), rows);
  }

  private static void run(String part, Workload workload, Consumer<ResultRow> rows) {
    switch (part) {
      case "demo" -> new DemoModelCheck(workload, rows).run();
      case "rates" -> new DeviceRates(workload, rows).run();
      case "decode-attention" -> new DecodeAttentionBenchmark(workload, rows).run();
      case "prefill" -> new PrefillBenchmark(workload, rows).run();
      case "encode" -> new EncodeBenchmark(workload, rows).run();
      case "decode-step" -> new DecodeStepBenchmark(workload, rows).run();
      default -> {
        System.err.println(USAGE);
        System.exit(2);
      }
    }
  }

  /** Writes table.md and results.json and prints the table; whether nothing failed. */
  private static boolean table(Path folder) {
    ResultTable table = ResultTable.read(folder);
    try {
      Files.writeString(folder.resolve("table.md"), table.markdown());
      Files.writeString(folder.resolve("results.json"), table.json());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    System.out.println(table.markdown());
    return !table.failed();
  }

  private static synchronized void append(Path file, ResultRow row) {
    try {
      Files.writeString(
          file,
          new ObjectMapper().writeValueAsString(row) + "\n",
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
