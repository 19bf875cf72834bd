package org.turboesm.job.source;

/** What {@link SequenceCleaner} makes of a sequence. */
sealed interface CleanedSequence {

  /**
   * @param residues upper-case, of the vocabulary, at least one
   * @param nonstandard how many of them are X in place of another letter
   */
  record Residues(String residues, int nonstandard) implements CleanedSequence {}

  record Rejected(RejectCode code, String detail) implements CleanedSequence {}
}
