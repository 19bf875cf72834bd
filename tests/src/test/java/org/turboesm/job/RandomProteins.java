package org.turboesm.job;

import java.util.Random;

/** FASTA of random proteins, the same for the same seed. */
final class RandomProteins {
  private static final String RESIDUES = "ACDEFGHIKLMNPQRSTVWY";

  private final Random random;

  RandomProteins(long seed) {
    random = new Random(seed);
  }

  /** Records p0, p1, ... of 1 to 400 residues, in lines of 60. */
  String fasta(int records) {
    StringBuilder fasta = new StringBuilder();
    for (int i = 0; i < records; i++) {
      fasta.append(">p").append(i).append(" number ").append(i).append('\n');
      String sequence = sequence(1 + random.nextInt(400));
      for (int line = 0; line < sequence.length(); line += 60) {
        fasta.append(sequence, line, Math.min(sequence.length(), line + 60)).append('\n');
      }
    }
    return fasta.toString();
  }

  String sequence(int length) {
    StringBuilder sequence = new StringBuilder(length);
    for (int i = 0; i < length; i++) {
      sequence.append(RESIDUES.charAt(random.nextInt(RESIDUES.length())));
    }
    return sequence.toString();
  }
}
