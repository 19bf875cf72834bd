package org.turboesm.job.source;

import java.net.URI;
import org.apache.hadoop.fs.Path;

/** Paths of files between Hadoop, whose {@code Path} is text as it is, and Spark. */
final class SourcePath {
  private SourcePath() {}

  /** Of a path that Spark tells, which is an encoded URI: the path as {@link InputFile} has it. */
  static String decode(String encoded) {
    return new Path(URI.create(encoded)).toString();
  }

  /** For Spark's readers, which take a path for a glob: escaped where it looks like one. */
  static String literal(String path) {
    return path.replaceAll("[\\[\\]{}*?\\\\]", "\\\\$0");
  }
}
