package org.turboesm.job.source;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.turboesm.TurboEsmException;

/**
 * Finds the files that the values of {@code --input} stand for.
 *
 * <p>A folder stands for all files in it and in its folders that end in a known extension; hidden
 * ones, whose name begins with {@code _} or {@code .}, are passed over, and so are others, with a
 * warning. A glob stands for what it matches, files as well as folders. A file that is named must
 * have a known extension.
 */
public final class InputFiles {
  private static final Logger LOG = LoggerFactory.getLogger(InputFiles.class);

  private final Configuration hadoop;
  private final TreeMap<String, InputFile> files = new TreeMap<>();

  private InputFiles(Configuration hadoop) {
    this.hadoop = hadoop;
  }

  /**
   * @param inputs files, folders and globs of any Hadoop file system
   * @return each file once, in the order of their paths; at least one
   */
  public static List<InputFile> resolve(Configuration hadoop, List<String> inputs) {
    if (inputs.isEmpty()) {
      throw new TurboEsmException("No input: name a file, a folder or a glob with --input.");
    }
    InputFiles found = new InputFiles(hadoop);
    for (String input : inputs) {
      try {
        found.add(input);
      } catch (IOException | IllegalArgumentException e) {
        throw new TurboEsmException(
            String.format(
                "--input %s: cannot be read (%s). Expected: a path that this machine and Spark's"
                    + " executors can reach. Check its spelling and its permissions.",
                input, e.getMessage()),
            e);
      }
    }
    return List.copyOf(found.files.values());
  }

  private void add(String input) throws IOException {
    Path path = new Path(input);
    FileSystem fileSystem = path.getFileSystem(hadoop);
    FileStatus status = status(fileSystem, path);
    if (status == null) {
      addGlob(input, fileSystem, path);
    } else if (status.isDirectory()) {
      if (addFolder(fileSystem, status) == 0) {
        throw nothingUsable(input, "the folder holds no file that can be read");
      }
    } else {
      addNamed(input, status);
    }
  }

  private void addGlob(String input, FileSystem fileSystem, Path path) throws IOException {
    FileStatus[] matches = fileSystem.globStatus(path);
    if (matches == null) {
      throw new TurboEsmException(
          String.format(
              "--input %s: there is no such file or folder. Expected: a file ending in %s, a folder"
                  + " of such files, or a glob in quotes. Check the path.",
              input, FileExtensions.EXPECTED));
    }
    if (matches.length == 0) {
      throw nothingUsable(input, "nothing matches the glob");
    }
    int added = 0;
    for (FileStatus match : matches) {
      added += addFound(fileSystem, match);
    }
    if (added == 0) {
      throw nothingUsable(input, "nothing that the glob matches can be read");
    }
  }

  private void addNamed(String input, FileStatus status) {
    String name = status.getPath().getName();
    if (FileExtensions.isHidden(name)) {
      throw new TurboEsmException(
          String.format(
              "--input %s: Spark passes over files whose name begins with '_' or '.'. Rename it.",
              input));
    }
    if (addIfUsable(status) == 0) {
      throw new TurboEsmException(
          String.format(
              "--input %s: unknown kind of file. Expected: a name that ends in %s. Rename or"
                  + " convert it.",
              input, FileExtensions.EXPECTED));
    }
  }

  /** How many files it holds, whether or not another input names them too. */
  private int addFolder(FileSystem fileSystem, FileStatus folder) throws IOException {
    int added = 0;
    for (FileStatus child : fileSystem.listStatus(folder.getPath())) {
      added += addFound(fileSystem, child);
    }
    return added;
  }

  private int addFound(FileSystem fileSystem, FileStatus status) throws IOException {
    if (FileExtensions.isHidden(status.getPath().getName())) {
      return 0;
    }
    return status.isDirectory() ? addFolder(fileSystem, status) : addIfUsable(status);
  }

  private int addIfUsable(FileStatus status) {
    Optional<InputFormat> format = FileExtensions.format(status.getPath().getName());
    if (format.isEmpty()) {
      LOG.warn(
          "{} is passed over: its name does not end in {}",
          status.getPath(),
          FileExtensions.EXPECTED);
      return 0;
    }
    String path = status.getPath().toString();
    files.put(
        path, new InputFile(path, format.get(), status.getLen(), status.getModificationTime()));
    return 1;
  }

  private static FileStatus status(FileSystem fileSystem, Path path) throws IOException {
    try {
      return fileSystem.getFileStatus(path);
    } catch (FileNotFoundException e) {
      return null;
    }
  }

  private static TurboEsmException nothingUsable(String input, String problem) {
    return new TurboEsmException(
        String.format(
            "--input %s: %s. Expected: files ending in %s. Check the path.",
            input, problem, FileExtensions.EXPECTED));
  }
}
