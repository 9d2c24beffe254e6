from lstmbook.learners.trials import *  # temporary
