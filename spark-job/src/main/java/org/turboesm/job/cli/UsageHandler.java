package org.turboesm.job.cli;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Says what is wrong with a call in a line or two; all of the options would drown it. */
final class UsageHandler implements IParameterExceptionHandler {

  @Override
  public int handleParseException(ParameterException exception, String[] args) {
    CommandLine command = exception.getCommandLine();
    PrintWriter err = command.getErr();
    err.println("turboesm: " + exception.getMessage());
    UnmatchedArgumentException.printSuggestions(exception, err);
    if (command.getParent() == null) {
      command.usage(err);
    } else {
      err.println(command.getCommandSpec().qualifiedName() + " --help describes the options");
    }
    err.flush();
    return CommandLine.ExitCode.USAGE;
  }
}
