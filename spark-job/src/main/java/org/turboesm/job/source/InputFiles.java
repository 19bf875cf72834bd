package org.turboesm.job.source;

import java.util.List;
import org.apache.hadoop.conf.Configuration;

/** Finds the files that the values of {@code --input} stand for. */
public final class InputFiles {
  private InputFiles() {}

  /**
   * @param inputs files, folders and globs of any Hadoop file system
   * @return each file once, in the order of their paths
   */
  public static List<InputFile> resolve(Configuration hadoop, List<String> inputs) {
    throw new UnsupportedOperationException("not written yet");
  }
}
