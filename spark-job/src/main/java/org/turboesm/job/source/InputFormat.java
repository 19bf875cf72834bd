package org.turboesm.job.source;

/** How an input file is read. */
public enum InputFormat {
  FASTA,
  PARQUET
}
