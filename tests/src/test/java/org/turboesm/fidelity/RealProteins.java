package org.turboesm.fidelity;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;

/** The demo's proteins. */
final class RealProteins {
  private static final String FASTA = "/org/turboesm/job/demo/proteins.fasta.gz";

  private RealProteins() {}

  /** Those of at most so many residues, in the order of the file. */
  static List<String> upTo(int longest) throws IOException {
    List<String> proteins = new ArrayList<>();
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(
                new GZIPInputStream(RealProteins.class.getResourceAsStream(FASTA)),
                StandardCharsets.US_ASCII))) {
      StringBuilder residues = new StringBuilder();
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        if (line.startsWith(">") && residues.length() > 0) {
          proteins.add(residues.toString());
          residues.setLength(0);
        } else if (!line.startsWith(">")) {
          residues.append(line.strip());
        }
      }
      proteins.add(residues.toString());
    }
    return proteins.stream().filter(protein -> protein.length() <= longest).toList();
  }
}
