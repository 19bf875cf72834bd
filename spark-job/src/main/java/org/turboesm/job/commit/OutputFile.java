package org.turboesm.job.commit;

/**
 * A file that a run wrote.
 *
 * @param path within the output folder
 */
public record OutputFile(String path, long bytes) {}
