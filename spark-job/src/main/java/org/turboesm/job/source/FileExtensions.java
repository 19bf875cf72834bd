package org.turboesm.job.source;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a file's name says about its content. Case counts, as it does for Hadoop's codecs. */
final class FileExtensions {
  static final String EXPECTED =
      ".fasta, .fa or .faa (each also with .gz, .bz2 or .zst), or .parquet";

  private static final List<String> FASTA = List.of(".fasta", ".fa", ".faa");

  /** The command that tests such a file is named like its format. */
  private static final Map<String, String> COMPRESSION =
      Map.of(".gz", "gzip", ".bz2", "bzip2", ".zst", "zstd");

  private FileExtensions() {}

  static Optional<InputFormat> format(String name) {
    if (name.endsWith(".parquet")) {
      return Optional.of(InputFormat.PARQUET);
    }
    String uncompressed =
        COMPRESSION.keySet().stream()
            .filter(name::endsWith)
            .findFirst()
            .map(end -> name.substring(0, name.length() - end.length()))
            .orElse(name);
    return FASTA.stream().anyMatch(uncompressed::endsWith)
        ? Optional.of(InputFormat.FASTA)
        : Optional.empty();
  }

  /** The format that a damaged file of that name is damaged in; null for plain text. */
  static String compression(String name) {
    if (name.endsWith(".parquet")) {
      return "Parquet";
    }
    return COMPRESSION.entrySet().stream()
        .filter(entry -> name.endsWith(entry.getKey()))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElse(null);
  }

  /** Whether Spark and Hadoop pass over a file or folder of that name. */
  static boolean isHidden(String name) {
    return name.startsWith("_") || name.startsWith(".");
  }
}
