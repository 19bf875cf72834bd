package org.turboesm.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the compiler says of one kernel.
 *
 * @param parameters PTX types
 * @param registers of a thread
 * @param stackBytes of a thread, its local memory; functions that are not inlined included
 * @param spillBytes stores and loads of registers that did not suffice
 * @param sharedBytes of a block, those of a launch apart
 */
public record KernelReport(
    String kernel,
    List<String> parameters,
    int registers,
    int stackBytes,
    int spillBytes,
    int sharedBytes) {
  private static final Pattern ENTRY =
      Pattern.compile(
          "Compiling entry function '(\\w+)' for 'sm_\\d+'(.*?)Used (\\d+) registers([^\\n]*)",
          Pattern.DOTALL);
  private static final Pattern FRAME =
      Pattern.compile(
          "(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill loads");
  private static final Pattern SHARED = Pattern.compile("(\\d+) bytes smem");

  /**
   * Reads a log of {@code ptxas -v}.
   *
   * @throws IllegalArgumentException if it does not report each kernel once
   */
  static List<KernelReport> parse(String log, List<KernelSignature> signatures) {
    List<KernelReport> reports = new ArrayList<>();
    Matcher entry = ENTRY.matcher(log);
    while (entry.find()) {
      String kernel = entry.group(1);
      KernelSignature signature =
          signatures.stream()
              .filter(candidate -> candidate.name().equals(kernel))
              .findFirst()
              .orElseThrow(() -> new IllegalArgumentException(kernel + " is not in the PTX"));
      int stackBytes = 0;
      int spillBytes = 0;
      int frames = 0;
      Matcher frame = FRAME.matcher(entry.group(2));
      while (frame.find()) {
        stackBytes += Integer.parseInt(frame.group(1));
        spillBytes += Integer.parseInt(frame.group(2)) + Integer.parseInt(frame.group(3));
        frames++;
      }
      if (frames == 0) {
        throw new IllegalArgumentException("nothing on the stack of " + kernel + " in:\n" + log);
      }
      Matcher shared = SHARED.matcher(entry.group(4));
      reports.add(
          new KernelReport(
              kernel,
              signature.parameters(),
              Integer.parseInt(entry.group(3)),
              stackBytes,
              spillBytes,
              shared.find() ? Integer.parseInt(shared.group(1)) : 0));
    }
    List<String> reported = reports.stream().map(KernelReport::kernel).sorted().toList();
    List<String> expected = signatures.stream().map(KernelSignature::name).sorted().toList();
    if (!reported.equals(expected)) {
      throw new IllegalArgumentException(
          "the PTX has " + expected + ", reported are " + reported + ":\n" + log);
    }
    return List.copyOf(reports);
  }
}
