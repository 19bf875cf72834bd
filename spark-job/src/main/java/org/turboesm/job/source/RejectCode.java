package org.turboesm.job.source;

/** Why a record has no embedding. */
public enum RejectCode {
  EMPTY_FILE("The file holds no record."),
  NO_HEADER("The file begins with text that stands before its first FASTA header."),
  EMPTY_ID("The record has no id."),
  EMPTY_RECORD("The record has no residues."),
  ILLEGAL_CHARACTER("The sequence has a character that stands for no residue."),
  DUPLICATE_ID("Another record, which was kept, has the same id."),
  ID_TOO_LONG(
      "The id is longer than " + ProteinRecords.MAXIMUM_ID_LENGTH + " characters, here cut off."),
  NULL_FIELD("The row's id or sequence is null."),
  OUT_OF_MEMORY("The protein does not fit the device's memory beside the model.");

  private final String explanation;

  RejectCode(String explanation) {
    this.explanation = explanation;
  }

  /** One sentence for a person. */
  public String explanation() {
    return explanation;
  }
}
