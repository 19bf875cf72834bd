package org.turboesm.job.source;

/**
 * A file that the job reads.
 *
 * @param path qualified, as Hadoop writes it: {@code file:/data/proteins.fasta.gz}
 * @param size bytes, as stored
 * @param modificationTime milliseconds since 1970
 */
public record InputFile(String path, InputFormat format, long size, long modificationTime) {}
