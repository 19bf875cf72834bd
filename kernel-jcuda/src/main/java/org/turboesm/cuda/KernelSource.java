package org.turboesm.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A kernel file of this build with the headers that it includes, directly or not.
 *
 * @param headers by the name in their {@code #include}
 */
record KernelSource(String file, String text, Map<String, String> headers) {
  private static final String FOLDER = "/cuda/";
  private static final Pattern INCLUDE =
      Pattern.compile("^\\s*#include\\s+\"([^\"]+)\"", Pattern.MULTILINE);

  /** Reads a file of the class path's folder {@code cuda}. */
  static KernelSource read(String file) {
    String text = resource(file);
    Map<String, String> headers = new TreeMap<>();
    addHeaders(text, headers);
    return new KernelSource(file, text, headers);
  }

  private static void addHeaders(String text, Map<String, String> headers) {
    Matcher include = INCLUDE.matcher(text);
    while (include.find()) {
      String name = include.group(1);
      if (!headers.containsKey(name)) {
        String header = resource(name);
        headers.put(name, header);
        addHeaders(header, headers);
      }
    }
  }

  private static String resource(String name) {
    try (InputStream stream = KernelSource.class.getResourceAsStream(FOLDER + name)) {
      if (stream == null) {
        throw new IllegalArgumentException("no kernel file " + FOLDER + name + " in this build");
      }
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
