package org.turboesm.engine.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The launches that stand in the sources of the classes named ...Kernels. */
final class LaunchSites {
  private static final Path SOURCES = Path.of("src/main/java/org/turboesm/engine/cuda");
  private static final Pattern KERNEL =
      Pattern.compile("(\\w+)\\s*=\\s*[^;=]*?\\.kernel\\(\\s*\"(\\w+)\"\\s*\\)\\s*;");
  private static final Pattern LAUNCH = Pattern.compile("\\b(\\w+)\\s*\\.launch\\(");

  /** The stream and the {@code LaunchConfig} stand before a kernel's arguments. */
  private static final int BEFORE_ARGUMENTS = 2;

  private LaunchSites() {}

  /** By kernel, the number of arguments at each of its launches. */
  static Map<String, List<Integer>> argumentCounts() throws IOException {
    Map<String, List<Integer>> counts = new TreeMap<>();
    List<Path> files;
    try (Stream<Path> all = Files.list(SOURCES)) {
      files = all.filter(file -> file.toString().endsWith("Kernels.java")).sorted().toList();
    }
    for (Path file : files) {
      String source = Files.readString(file).replaceAll("//[^\\n]*|(?s)/\\*.*?\\*/", "");
      Map<String, String> kernelOfField = new HashMap<>();
      Matcher kernel = KERNEL.matcher(source);
      while (kernel.find()) {
        kernelOfField.put(kernel.group(1), kernel.group(2));
      }
      Matcher launch = LAUNCH.matcher(source);
      while (launch.find()) {
        String name = kernelOfField.get(launch.group(1));
        // RowTiling has a launch too; it is no kernel's.
        if (name != null) {
          counts
              .computeIfAbsent(name, unused -> new ArrayList<>())
              .add(arguments(source, launch.end()) - BEFORE_ARGUMENTS);
        }
      }
    }
    return counts;
  }

  /** Arguments of the call whose opening parenthesis ends before {@code begin}. */
  private static int arguments(String source, int begin) {
    int depth = 1;
    int commas = 0;
    for (int i = begin; depth > 0; i++) {
      switch (source.charAt(i)) {
        case '(', '[', '{' -> depth++;
        case ')', ']', '}' -> depth--;
        case ',' -> commas += depth == 1 ? 1 : 0;
        default -> {}
      }
    }
    return commas + 1;
  }
}
