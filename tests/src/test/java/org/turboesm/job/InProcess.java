package org.turboesm.job;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The command line, run in this JVM and its Spark context.
 *
 * @param code exit status
 * @param out what it printed on standard output
 * @param err what it printed on standard error
 */
record InProcess(int code, String out, String err) {

  static InProcess run(Object... args) {
    LocalSpark.session();
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    String[] words = Arrays.stream(args).map(Object::toString).toArray(String[]::new);
    int code = TurboEsm.run(new PrintWriter(out), new PrintWriter(err), words);
    return new InProcess(code, out.toString(), err.toString());
  }

  /** The same with more arguments in front. */
  static InProcess run(List<?> first, Object... more) {
    List<Object> args = new ArrayList<>(first);
    args.addAll(Arrays.asList(more));
    return run(args.toArray());
  }

  /** One of the golden files' models, of random weights and small. */
  static String goldenModel(String name) {
    return Path.of("src/test/resources/golden", name).toAbsolutePath().toString();
  }
}
