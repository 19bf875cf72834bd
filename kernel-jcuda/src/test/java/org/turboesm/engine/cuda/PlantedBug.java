package org.turboesm.engine.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A change of a kernel file that a contract test must notice.
 *
 * @param name what is wrong then
 * @param file of the class path's folder {@code cuda}
 * @param original text that the file has, its first occurrence is replaced
 * @param planted what stands there instead
 * @param test that must fail, class and method
 * @param selector of JUnit's, of one or some runs of the test
 */
record PlantedBug(
    String name, String file, String original, String planted, String test, String selector) {

  /**
   * @param parameters of the test's method
   * @param runs of the parameterized test, from 0, such as {@code [2]}; or nothing for all
   */
  static PlantedBug of(
      String name,
      String file,
      String original,
      String planted,
      String testClass,
      String method,
      String parameters,
      String runs) {
    String selector =
        "method:org.turboesm.engine.cuda." + testClass + "#" + method + "(" + parameters + ")";
    return new PlantedBug(
        name,
        file,
        original,
        planted,
        testClass + "." + method,
        runs.isEmpty() ? selector : "iteration:" + selector + runs);
  }

  /** Writes the changed files to the folder's {@code cuda/}; no two bugs may share a file. */
  static void plant(List<PlantedBug> bugs, Path folder) throws IOException {
    List<String> files = new ArrayList<>();
    for (PlantedBug bug : bugs) {
      if (files.contains(bug.file())) {
        throw new IllegalArgumentException("two bugs are planted in " + bug.file());
      }
      files.add(bug.file());
      Path target = Files.createDirectories(folder.resolve("cuda")).resolve(bug.file());
      Files.writeString(target, bug.applied());
    }
  }

  private String applied() throws IOException {
    try (InputStream stream = PlantedBug.class.getResourceAsStream("/cuda/" + file)) {
      String source = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      int at = source.indexOf(original);
      if (at < 0) {
        throw new IllegalStateException(
            file + " no longer has the text that bug \"" + name + "\" changes: " + original);
      }
      return source.substring(0, at) + planted + source.substring(at + original.length());
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
