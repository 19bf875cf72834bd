package org.turboesm.job.cli;

import java.util.List;
import org.turboesm.TurboEsmException;
import picocli.CommandLine.Option;

/** The proteins. */
final class InputOptions {
  @Option(
      names = {"-i", "--input"},
      paramLabel = "PATH",
      required = true,
      description =
          "FASTA (plain, .gz, .bz2, .zst) or Parquet: files, folders or globs of any Hadoop file"
              + " system. May be given more than once, or with commas.")
  private List<String> input = List.of();

  List<String> paths() {
    List<String> paths = Options.split(input);
    if (paths.isEmpty()) {
      throw new TurboEsmException("--input names no file");
    }
    return paths;
  }
}
